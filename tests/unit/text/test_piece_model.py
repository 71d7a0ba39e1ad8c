"""Sentencepiece models in plain Python are compared with the sentencepiece package."""

import io
import random

import pytest
import sentencepiece
from shared_data import SHARED, needs_shared

from keras_attention.text import learn_subwords
from keras_attention.text.piece_model import PieceModel
from keras_attention.text.subword_tokenizer import even_spaces

MODEL_TYPES = ("unigram", "bpe")
WORDS = "low lower lowest new newer newest wide wider 고양이 고양이가 한국어 Straße naïve".split()


def lines(count=400):
    """Return lines of known words, and the same lines plus random text with unknown characters."""
    generator = random.Random(7)
    letters = sorted({*"".join(WORDS)}) + ["漢", "😀", "ﬁ", "\u0301", " "]
    known = [" ".join(generator.choices(WORDS, k=6)) for _ in range(count)]
    random_ = ["".join(generator.choices(letters, k=generator.randint(0, 25))) for _ in known]
    return known, [even_spaces(text) for text in [*known, *random_, "", "a"]]


def check(model, texts):
    package, ours = sentencepiece.SentencePieceProcessor(model_proto=model), PieceModel(model)
    ids = range(package.get_piece_size())
    assert ours.get_piece_size() == len(ids)
    for name in ("id_to_piece", "get_score", "is_byte"):
        assert [getattr(ours, name)(id_) for id_ in ids] == [
            getattr(package, name)(id_) for id_ in ids
        ]
    for text in texts:
        assert ours.encode(text) == package.encode(text, out_type=str)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
@pytest.mark.parametrize("size", [36, 40])
def test_texts_have_the_same_pieces_as_in_the_package(model_type, size):
    known, texts = lines()
    check(learn_subwords(known, size, model_type=model_type), texts)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_ties_are_broken_as_in_the_package(model_type):
    generator = random.Random(0)
    syllables = ["oo", "o", "aa", "a", "b"]  # "ooo" can be split as "oo", "o" or as "o", "oo"
    known = ["".join(generator.choices(syllables, k=8)) for _ in range(200)]
    texts = ["".join(generator.choices("ooaab", k=20)) for _ in range(200)]
    check(learn_subwords(known, 16, model_type=model_type), texts)


@needs_shared
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_real_text_has_the_same_pieces_as_in_the_package(model_type):
    text = (SHARED / "multi30k" / "train.de").read_text(encoding="utf-8").splitlines()
    texts = [even_spaces(line) for line in text[2000:4000]]
    check(learn_subwords(text[:2000], 1500, model_type=model_type), texts)


def foreign(**settings):
    content = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 9),
        model_writer=content,
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
        **settings,
    )
    return content.getvalue()


def test_a_models_own_normalization_is_detected():
    assert PieceModel(foreign(normalization_rule_name="identity")).normalize("ﬁ a") == "▁ﬁ▁a"
    for settings in ({"normalization_rule_name": "nfkc"}, {"add_dummy_prefix": False}):
        assert PieceModel(foreign(**settings)).normalize("ﬁ a") != "▁ﬁ▁a"


@pytest.mark.parametrize(
    "model",
    [b"", b"nothing of the kind", foreign()[:200], foreign(model_type="char")],
    ids=["empty", "text", "half", "kind"],
)
def test_an_invalid_model_is_rejected(model):
    with pytest.raises((ValueError, LookupError)):
        PieceModel(model)


def test_user_defined_symbols_are_rejected():
    with pytest.raises(ValueError, match="ordinary and special pieces"):
        PieceModel(foreign(user_defined_symbols=["snow"]))
