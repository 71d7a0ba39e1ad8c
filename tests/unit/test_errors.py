"""Tests of argument checks, and of errors that can be pickled."""

import pickle

import numpy as np
import pytest

from keras_attention.errors import (
    OptionError,
    SettingError,
    TextError,
    check_positive,
    check_texts,
    encode_text,
    suggest,
)
from keras_attention.export.verify import verify
from keras_attention.text import learn_subwords
from keras_attention.training import load_recipe
from keras_attention.training.metrics.significance import paired_bootstrap
from keras_attention.training.metrics.text_metrics import score


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None])
def test_anything_but_a_positive_integer_is_rejected(value):
    with pytest.raises(ValueError) as error:
        check_positive(first=1, second=value)
    expected = f"`second` must be a positive integer. Received: second={value!r}."
    assert str(error.value) == expected


def test_positive_integers_of_numpy_are_accepted():
    check_positive(first=1, second=np.int32(2))


@pytest.mark.parametrize("texts", ["text", b"text", bytearray(b"text"), None, 3])
def test_a_single_text_is_not_an_iterable_of_texts(texts):
    with pytest.raises(TypeError, match="^`sources` must be an iterable of strings. Received: "):
        check_texts(texts, "sources")


CALLS = {
    "sentences": lambda: learn_subwords("one two three", 9),
    "overrides": lambda: load_recipe("dates", "epochs=3"),
    "lines": lambda: verify(None, None, "one"),
    "hypotheses": lambda: score("exact_match", "one", ["o", "n", "e"]),
    "references": lambda: paired_bootstrap("wer", ["o", "n", "e"], ["o", "n", "a"], "one"),
    "sources": lambda: score("g2p_wer", ["o", "n"], ["o", "n"], "on"),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_function_reads_a_single_text_as_several_texts(name):
    with pytest.raises(TypeError, match=f"^`{name}` must be an iterable of strings. Received: "):
        CALLS[name]()


def test_a_lone_surrogate_is_not_valid_unicode():
    assert encode_text("é") == b"\xc3\xa9"
    with pytest.raises(TextError, match="^text 1: expected valid Unicode text. Received: .a.udcff"):
        encode_text("a\udcff")


def test_the_right_name_in_a_wrong_section_is_suggested():
    known = ["training.units", "model.depth"]
    assert suggest("model.units", known) == "; the nearest is 'training.units'"
    assert suggest("colour", known) == ""


@pytest.mark.parametrize(
    "error",
    [
        TextError("expected a string. Received: 3.", 2, "pair"),
        SettingError("units", "must be even. Received: units=5."),
        OptionError("groups", "must divide {beam_width}", groups=3, beam_width=4),
    ],
)
def test_an_error_can_be_pickled(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
