"""Before training, notes report targets that no output can equal."""

from dataclasses import replace

import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.training.evaluation.reachability import check_metric, report_references
from keras_attention.training.recipe.model_config import ModelConfig
from keras_attention.training.recipe.recipe import Recipe
from keras_attention.training.recipe.text_config import TextConfig
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.translation.codec import TextCodec

WORDS = WordTokenizer(Vocabulary(["my", "name", "is"]), lowercase=True)
KNOWN = [("my name", "my name")] * 8


def recipe(model=None, text=None, **training):
    return Recipe(
        "test",
        model=ModelConfig(**(model or {})),
        text=TextConfig(**(text or {})),
        training=TrainingConfig(**training),
    )


def codec(target=WORDS, **settings):
    return TextCodec(WORDS, target, SearchSettings(9, **{"max_length": 9, **settings}))


RECIPE, CODEC = recipe(), codec()


@pytest.fixture
def report(caplog):
    """Return the notes about held-out pairs."""

    def report(held_out, recipe=RECIPE, codec=CODEC, training=()):
        caplog.clear()
        report_references(recipe, codec, training, held_out)
        return caplog.messages

    return report


def test_no_note_is_logged_if_every_target_can_be_written(report):
    assert report([*KNOWN, (" My ", "My  NAME ")]) == []


def test_unknown_tokens_are_counted_and_copying_is_suggested(report):
    held_out = [*KNOWN, ("Ann", "my name is Ann"), ("x", "my Bee Bee")]
    told = report(held_out)
    assert told == [
        "note: 2 of 10 (20.0%) held-out targets contain a token that is not in the target "
        "vocabulary, such as 'ann'; no output can equal them.",
        "note: 1 of 10 (10.0%) held-out targets contain a token that is in their source but not in "
        "the target vocabulary, such as 'ann'; a model with model.copying=true learns to copy it.",
    ]
    copies = report(held_out, recipe({"copying": True}), codec(replace_unknown=True))
    assert copies == [
        "note: 1 of 10 (10.0%) held-out targets contain a token that is not in the target "
        "vocabulary or their source, such as 'bee'; no output can equal them."
    ]


def test_copying_is_suggested_from_training_targets_if_none_are_held_out(report):
    pairs = [("Ann", "Ann")] * 2 + [("my", "my")] * 98
    assert report([], training=pairs)[0].startswith("note: 2 of 100 (2.0%) training targets contai")
    assert report([], training=pairs + [("my", "my")] * 200) == []


@pytest.mark.parametrize(
    "unfit",
    [
        recipe({"attention": "none"}),
        recipe(text={"source_tokenizer": "subword", "subword_type": "bpe",
                     "source_subword_dropout": 0.1}),
        recipe(short_list=50),
    ],
)  # fmt: skip
def test_copying_is_not_suggested_if_the_recipe_does_not_allow_it(report, unfit):
    assert len(report([("Ann", "Ann")], unfit)) == 1


def test_targets_longer_than_outputs_are_counted(report):
    told = report([*KNOWN, ("my", "my name is my name")], codec=codec(max_length=5))
    assert told == [
        "note: 1 of 9 (11.1%) held-out targets have more than 5 tokens including </s>, the longest "
        "output (decoding.max_length, by default data.max_target_length); no output can equal them."
    ]


def test_bleu_of_short_targets_is_noted_and_cannot_control_training(report):
    for watching in ({"patience": 2}, {"schedule": "plateau"}):
        with pytest.raises(InputError, match=r"cannot use .*'bleu' here: .*='chrf' or 'exact_ma"):
            check_metric(TrainingConfig(metric="bleu", **watching), CODEC, KNOWN)
    told = report(KNOWN, recipe(metric="bleu"))
    assert len(told) == 1 and "val_bleu is 0 for every output" in told[0]
    long = [("my", "my name is my")]
    assert report(long, recipe(metric="bleu")) == []
    check_metric(TrainingConfig(metric="bleu", patience=2), CODEC, long)
    check_metric(TrainingConfig(metric="bleu"), CODEC, KNOWN)
    check_metric(TrainingConfig(metric="chrf", patience=2), CODEC, KNOWN)


def test_characters_can_be_unknown_too(report):
    letters = CharacterTokenizer(Vocabulary("ab"))
    held_out = [("a", "abc")]
    assert "such as 'c'" in report(held_out, codec=codec(letters))[0]
    assert report(held_out, replace(recipe(), text=TextConfig()), codec(letters))
