import dataclasses

import pytest

from keras_attention.errors import InputError
from keras_attention.text import SubwordTokenizer
from keras_attention.training.assembly.build import build_codec
from keras_attention.training.assembly.tokenizers import learn_tokenizers
from keras_attention.training.recipe.recipe import Recipe, load_recipe
from keras_attention.training.recipe.text_config import TextConfig

PAIRS = [
    ("The cat sat on the mat", "고양이가 앉았다"),
    ("the dog ran", "개가 달렸다"),
    ("a cat", "고양이"),
] * 5


def learn(**settings):
    return learn_tokenizers(TextConfig(**settings), PAIRS)


def test_the_defaults_are_characters_in_normal_form_c():
    source, target = learn()
    assert (source.name, target.name) == ("character", "character")
    assert "T" in source.vocabulary and "고" in target.vocabulary
    assert source.normalizer.form == "nfc" and not source.normalizer.lowercase


def test_texts_are_normalized_before_vocabularies_are_learned():
    source, target = learn(
        source_tokenizer="word",
        target_normalization="nfd",
        lowercase=True,
        source_vocabulary_size=2,
    )
    assert source.vocabulary.tokens[4:] == ("the", "cat")
    assert source.encode("THE Cat") == [4, 5, 2]
    assert "\u1100" in target.vocabulary and "고" not in target.vocabulary
    assert target.decode(target.encode("고양이")) == "고양이"


@pytest.mark.parametrize("name", ["character", "word", "subword"])
def test_white_space_at_the_ends_is_learned_only_with_strip_false(name):
    pairs = [(f"\ufeff{source}\r", f"{target}\u00a0 ") for source, target in PAIRS]
    sizes = (
        {"source_vocabulary_size": 20, "target_vocabulary_size": 16} if name == "subword" else {}
    )
    names = {"source_tokenizer": name, "target_tokenizer": name}
    bare, stripped = learn(**names, **sizes), learn_tokenizers(TextConfig(**names, **sizes), pairs)
    for one, other in zip(bare, stripped, strict=True):
        assert one.to_bytes() == other.to_bytes()
        assert one.normalizer.strip and other.normalizer.strip
    source, target = learn_tokenizers(TextConfig(strip=False), pairs)
    assert {"\ufeff", "\r"} <= {*source.vocabulary.tokens} and "\u00a0" in target.vocabulary
    assert not source.normalizer.strip


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_both_sides_can_learn_subwords(kind):
    names = {"source_tokenizer": "subword", "target_tokenizer": "subword"}
    sizes = {"source_vocabulary_size": 20, "target_vocabulary_size": 20}
    source, target = learn(**names, **sizes, subword_type=kind, target_normalization="nfd")
    assert (len(source.vocabulary), len(target.vocabulary)) == (20, 20)
    assert source.model_type == target.model_type == kind
    assert target.normalizer.form == "nfd"
    assert source.decode(source.encode(PAIRS[0][0])) == PAIRS[0][0]
    assert target.decode(target.encode(PAIRS[0][1])) == PAIRS[0][1]


def test_a_joint_vocabulary_of_subwords_is_one_model():
    names = {"source_tokenizer": "subword", "target_tokenizer": "subword"}
    source, target = learn(**names, joint_vocabulary=True, source_vocabulary_size=30)
    assert source.model == target.model
    assert len(source.vocabulary) == 30
    assert 3 not in source.encode("고양이") + target.encode("cat")


@pytest.mark.parametrize("name", ["character", "word"])
def test_a_joint_vocabulary_counts_both_sides(name):
    names = {"source_tokenizer": name, "target_tokenizer": name}
    source, target = learn(**names, joint_vocabulary=True)
    assert source.vocabulary == target.vocabulary
    assert 3 not in source.encode("고양이") + target.encode("cat")


def test_min_count_counts_characters_for_subwords():
    pairs = [("abc abc ab", "x y"), ("abc", "x y"), ("ab q", "x z")] * 2
    text = TextConfig(source_tokenizer="subword", source_vocabulary_size=9, min_count=5)
    source, _ = learn_tokenizers(text, pairs)
    assert {*"abc"} <= set(source.vocabulary.tokens)
    assert "q" not in source.vocabulary


def test_a_vocabulary_size_that_does_not_fit_the_text_is_an_error_with_its_key():
    with pytest.raises(InputError, match=r"^`text.source_vocabulary_size`: expected at most \d+"):
        learn(source_tokenizer="subword")  # 8000 subwords
    with pytest.raises(InputError, match=r"Received: 8000. text.target_vocabulary_size=0, the de"):
        learn(target_tokenizer="subword")
    with pytest.raises(InputError, match=r"^`text.target_vocabulary_size`: expected at least \d+"):
        learn(target_tokenizer="subword", target_vocabulary_size=5)


def test_build_codec_uses_the_recipes_text_settings():
    overrides = ["source_tokenizer=subword", "source_vocabulary_size=18", "lowercase=true"]
    codec = build_codec(load_recipe("dates", overrides), PAIRS)
    assert isinstance(codec.source, SubwordTokenizer)
    assert len(codec.source.vocabulary) == 18
    assert codec.source.normalizer.lowercase and codec.target.normalizer.lowercase


def test_text_settings_survive_saving_and_loading(tmp_path):
    text = TextConfig(
        source_tokenizer="subword",
        target_tokenizer="subword",
        source_vocabulary_size=100,
        source_normalization="nfd",
        target_normalization="nfkc",
        lowercase=True,
        subword_type="bpe",
        joint_vocabulary=True,
    )
    recipe = Recipe(text=text)
    recipe.save(tmp_path / "recipe.toml")
    assert dataclasses.replace(load_recipe(tmp_path / "recipe.toml"), name="recipe") == recipe


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["source_tokenizer=bytes"], "must be one of 'character', 'word', 'subword'."),
        (["source_normalization=nfkd"], "must be one of 'nfc', 'nfd', 'nfkc'."),
        (["subword_type=word"], "must be one of 'unigram', 'bpe'."),
        (
            ["source_tokenizer=word", "joint_vocabulary=true"],
            "`text.joint_vocabulary` requires text.target_tokenizer='word', the same as "
            "text.source_tokenizer. Received: text.target_tokenizer='character'.",
        ),
        (
            ["joint_vocabulary=true", "target_vocabulary_size=9"],
            "`text.joint_vocabulary` requires text.target_vocabulary_size=0, the same as "
            "text.source_vocabulary_size. Received: text.target_vocabulary_size=9.",
        ),
    ],
)
def test_invalid_text_settings_are_an_error(overrides, message):
    with pytest.raises(InputError) as error:
        load_recipe("dates", overrides)
    assert message in str(error.value)
