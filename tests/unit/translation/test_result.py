import json
import math

import numpy as np
import pytest

from keras_attention.translation.result import Hypothesis, Translation


def make_hypothesis(text, score):
    tokens = (*text, "</s>")
    return Hypothesis(text, score, tokens, np.eye(len(tokens), 3, dtype="float32") / 3)


@pytest.fixture
def translation():
    hypotheses = make_hypothesis("가b", -0.12345678), make_hypothesis("b", -2.0)
    return Translation("a b", ("a", "b", "</s>"), hypotheses)


def test_properties_of_a_translation_refer_to_the_best_hypothesis(translation):
    best = translation.hypotheses[0]
    assert (translation.text, translation.score) == ("가b", -0.12345678)
    assert translation.tokens is best.tokens
    assert translation.alignment is best.alignment


def test_a_translation_without_hypotheses_has_an_empty_text():
    nothing = Translation("a b", ("a", "b", "</s>"), ())
    assert (nothing.text, nothing.score, nothing.tokens) == ("", -math.inf, ())
    assert nothing.alignment.shape == (0, 3)
    assert nothing.to_json() == {
        "source": "a b",
        "source_tokens": ["a", "b", "</s>"],
        "hypotheses": [],
    }


def test_json_contains_plain_rounded_values(translation):
    found = json.loads(json.dumps(translation.to_json()))
    assert found["source"] == "a b"
    assert found["source_tokens"] == ["a", "b", "</s>"]
    assert [hypothesis["text"] for hypothesis in found["hypotheses"]] == ["가b", "b"]
    assert found["hypotheses"][0]["score"] == -0.123457
    assert found["hypotheses"][0]["tokens"] == ["가", "b", "</s>"]
    assert found["hypotheses"][1]["alignment"] == [[0.3333, 0.0, 0.0], [0.0, 0.3333, 0.0]]


def test_json_may_contain_only_the_best_hypotheses(translation):
    texts = [hypothesis["text"] for hypothesis in translation.to_json(1)["hypotheses"]]
    assert texts == ["가b"]
    for nbest in (0, -1):
        with pytest.raises(ValueError, match=f"`nbest` must be a positive .* nbest={nbest}"):
            translation.to_json(nbest)


def test_a_translation_is_immutable_and_compared_by_identity(translation):
    with pytest.raises(AttributeError):
        translation.source = "other"
    # Comparing arrays gives no single truth value, so translations are compared by identity.
    assert make_hypothesis("a", -1.0) != make_hypothesis("a", -1.0)
    assert "alignment" not in repr(translation)
