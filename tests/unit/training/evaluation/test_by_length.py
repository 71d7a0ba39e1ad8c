from types import SimpleNamespace

import pytest

from keras_attention import Translator
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.text.tokenizers import CharacterTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.assembly.build import build_codec, build_model
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.evaluation.by_length import (
    PAIRS,
    check_lengths,
    score_lengths,
    wanted_lengths,
)
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Hypothesis, Translation


class Copier:
    """A translator that copies up to `most` letters, but no more than `max_length`."""

    model = SimpleNamespace(longest=None)

    def __init__(self, most, max_length=4):
        letters = CharacterTokenizer(Vocabulary("abcdefghijklmnopqrstuvwxyz"))
        self.codec = TextCodec(letters, letters, SearchSettings(9, max_length))
        self.most, self.calls = most, []

    def __call__(self, texts, *, max_length):
        self.calls.append((texts, max_length))
        return [self.translate(text, min(max_length, self.most)) for text in texts]

    def translate(self, text, most):
        tokens = (*text, "</s>")
        return Translation(text, tokens, (Hypothesis(text[:most], -1.0, tokens, None),))


def test_generated_tasks_are_tested_on_new_pairs_of_each_length():
    translator, recipe = Copier(most=20), load_recipe("copy", ["size=3000", "longest=10"])
    scores = score_lengths(translator, recipe, [10, 20, 40])
    assert scores == {
        "10": {"pairs": PAIRS, "value": 1.0, "errors": 0.0},
        "20": {"pairs": PAIRS, "value": 1.0, "errors": 0.0},
        "40": {"pairs": PAIRS, "value": 0.0, "errors": 0.5},
    }
    assert [{len(text) for text in texts} for texts, _ in translator.calls] == [{10}, {20}, {40}]
    assert [most for _, most in translator.calls] == [21, 31, 51]
    trained_on = {source for pairs in split_pairs(recipe.data, 1) for source, _ in pairs}
    assert not trained_on & {text for texts, _ in translator.calls for text in texts}


def test_all_models_and_seeds_get_the_same_pairs():
    first, second = Copier(most=20), Copier(most=3)
    score_lengths(first, load_recipe("copy", ["seed=1"]), [5])
    score_lengths(second, load_recipe("copy", ["seed=2", "units=8"]), [5])
    assert first.calls == second.calls


def test_data_that_is_not_generated_is_tested_on_held_out_pairs(tmp_path):
    words = ["ab", "abc", "abcdef", "abcdefg", "abcdefghijk"]
    for name in ("train", "dev"):
        (tmp_path / name).write_text("".join(f"{word}\t{word}\n" for word in words))
    settings = ["format=tsv", f"data.path={tmp_path}/train", f"validation_path={tmp_path}/dev"]
    recipe = load_recipe("copy", settings)
    assert wanted_lengths(recipe, [2, 6, 7, 9]) == ["1–2", "3–6", "7–7", "8–9"]
    translator = Copier(most=5, max_length=100)
    assert score_lengths(
        translator, recipe, [2, 6, 7, 9], split_pairs(recipe.data, recipe.seed)[1]
    ) == {
        "1–2": {"pairs": 1, "value": 1.0, "errors": 0.0},
        "3–6": {"pairs": 2, "value": 0.5, "errors": 1 / 9},
        "7–7": {"pairs": 1, "value": 0.0, "errors": 2 / 7},
        "8–9": {"pairs": 0, "value": None, "errors": None},
    }
    assert {most for _, most in translator.calls} == {100}


@pytest.mark.parametrize(
    ("name", "lengths", "least"),
    [
        ("copy", [10, 10], 1),
        ("copy", [20, 10], 1),
        ("copy", [0, 10], 1),
        ("date-sentences", [3, 10], 4),
    ],
)
def test_lengths_must_increase_and_be_long_enough(name, lengths, least):
    with pytest.raises(InputError, match=rf"--lengths must be increasing .*, at least {least}. R"):
        check_lengths(load_recipe(name), lengths)


def test_valid_lengths_are_accepted():
    check_lengths(load_recipe("date-sentences"), [4, 10])
    check_lengths(load_recipe("dates"), [5])
    check_lengths(load_recipe("dates", ["held_out=0"]), [])
    check_lengths(load_recipe("copy", ["held_out=0"]), [5])
    with pytest.raises(InputError, match="--lengths requires held-out pairs"):
        check_lengths(load_recipe("dates", ["held_out=0"]), [5])


TRANSFORMER = ["decoder=transformer", "attention=multi-head", "units=8", "embedding=4", "heads=2"]


def test_a_transformer_writes_outputs_up_to_its_length_limit(tmp_path):
    words = ["ab", "abcdef", "abcdefghij"]
    (tmp_path / "dev").write_text("".join(f"{word}\t{word}\n" for word in words))
    settings = ["format=tsv", f"data.path={tmp_path}/dev", f"validation_path={tmp_path}/dev"]
    recipe = load_recipe("copy", [*TRANSFORMER, *settings, "max_target_length=12"])
    check_lengths(recipe, [5, 10])
    codec = build_codec(recipe, split_pairs(recipe.data, recipe.seed)[0])
    translator = Translator(build_model(recipe, codec), codec)
    scores = score_lengths(translator, recipe, [5, 10], split_pairs(recipe.data, recipe.seed)[1])
    assert [(score["pairs"], score["value"]) for score in scores.values()] == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("name", "settings", "key", "least"),
    [
        ("copy", [], "data.max_target_length", 31),
        ("copy", ["decoding.max_length=15"], "decoding.max_length", 31),
        ("date-sentences", [], "data.max_target_length", 31),
    ],
)
def test_lengths_beyond_a_transformers_longest_output_are_rejected(name, settings, key, least):
    short = [*TRANSFORMER, "max_target_length=30", *settings]
    message = (
        rf"--lengths up to 20 .* requires `{key}` of at least {least}: 21 tokens .*: {key}=\d+\."
    )
    with pytest.raises(InputError, match=message):
        check_lengths(load_recipe(name, short), [10, 20])
    check_lengths(load_recipe(name, [*short, f"{key}={least}"]), [10, 20])
    check_lengths(load_recipe(name, ["max_target_length=30"]), [10, 20])


def test_the_longest_output_is_counted_in_target_tokens():
    settings = [*TRANSFORMER, "source_tokenizer=word", "target_tokenizer=character"]
    with pytest.raises(
        InputError, match=r"requires `data.max_target_length` of at least [6-9]\d: "
    ):
        check_lengths(load_recipe("date-sentences", [*settings, "max_target_length=31"]), [12])
    settings[-1] = "target_tokenizer=subword"
    check_lengths(load_recipe("date-sentences", [*settings, "max_target_length=9"]), [12])
