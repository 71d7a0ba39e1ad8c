"""Scores of given pairs are compared with the scores of a search and of single steps."""

import json
import math

import keras
import pytest
from keras import ops
from support import random_translator

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    LuongAttention,
    Vocabulary,
)
from keras_attention.special_tokens import START_ID
from keras_attention.translation.result import PairScore, perplexity

SOURCES = ["abc", "d", "cab bad", "", "dd a", "b"]
TARGETS = ["ab", "", "dcba abcd", "c", "a?b", "bb"]

MODELS = {
    "bahdanau": {"attention": lambda: BahdanauAttention(4), "placement": "before"},
    "luong": {"attention": LuongAttention, "placement": "after", "input_feeding": True},
    "fixed vector": {"attention": lambda: None},
}


def made(name):
    options = {**MODELS[name], "attention": MODELS[name]["attention"]()}
    return random_translator(CharacterTokenizer(Vocabulary("abcd ")), ends=1.5, **options)


@pytest.fixture(scope="module", params=MODELS)
def translator(request):
    return made(request.param)


def test_an_output_has_the_same_score_as_in_the_search(translator):
    ended = [
        (translation.source, hypothesis)
        for width in (1, 4)
        for translation in translator([s for s in SOURCES if s], beam_width=width)
        for hypothesis in translation.hypotheses
        if hypothesis.tokens[-1] == "</s>" and "<unk>" not in hypothesis.tokens
    ]
    assert len(ended) > 3
    scores = translator.score([s for s, _ in ended], [h.text for _, h in ended], batch_size=3)
    for (source, hypothesis), pair in zip(ended, scores, strict=True):
        assert (pair.source, pair.target) == (source, hypothesis.text)
        assert pair.tokens == hypothesis.tokens
        assert pair.score == pytest.approx(hypothesis.score, abs=1e-4)


def test_every_token_has_the_same_score_as_in_a_single_step(translator):
    model, codec = translator.model, translator.codec
    for pair in translator.score(SOURCES, TARGETS):
        # Keras warns about a softmax over a single step, which an empty source alone would have, so
        # add a second source.
        memory, state = model.encode(ops.convert_to_tensor(codec.encode([pair.source, "ab"])))
        before, expected = START_ID, []
        for token in codec.target.encode(pair.target):
            logits, state, _ = model.step(ops.convert_to_tensor([before] * 2), state, memory)
            expected.append(float(ops.log_softmax(logits)[0, token]))
            before = token
        assert pair.log_probabilities == pytest.approx(expected, abs=1e-5)
        assert pair.tokens == (*pair.target, "</s>")


def test_scores_do_not_depend_on_the_batch(translator):
    whole = translator.score(iter(SOURCES), iter(TARGETS))
    for size in (1, 4):
        for one, other in zip(
            translator.score(SOURCES, TARGETS, batch_size=size), whole, strict=True
        ):
            assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)


def test_zero_pairs_give_zero_scores_and_unequal_numbers_are_an_error(translator):
    assert translator.score([], []) == []
    with pytest.raises(ValueError, match="shorter"):
        translator.score(SOURCES, TARGETS[1:])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow compiles")
def test_the_model_is_traced_once_for_all_shapes(translator):
    translator.score(SOURCES, TARGETS)
    translator.score(["a" * 30], ["b"])
    assert translator._scorer.experimental_get_tracing_count() == 1


PAIRS = [
    PairScore("a", "bc", ("b", "c", "</s>"), (-1.0, -2.0, -0.5)),
    PairScore("b", "", ("</s>",), (-0.1,)),
]


def test_perplexity_is_computed_over_tokens():
    assert (PAIRS[0].score, PAIRS[0].per_token) == (-3.5, pytest.approx(-3.5 / 3))
    assert PAIRS[0].perplexity == pytest.approx(math.exp(3.5 / 3))
    assert perplexity(PAIRS) == pytest.approx(math.exp(3.6 / 4))
    assert perplexity(iter(PAIRS)) == perplexity(PAIRS)
    assert perplexity([PairScore("a", "", ("</s>",), (-1e9,))]) == math.inf
    with pytest.raises(ValueError, match="at least"):
        perplexity([])


def test_the_json_of_a_scored_pair_contains_plain_values():
    found = json.loads(json.dumps(PAIRS[0].to_json()))
    assert found["tokens"] == ["b", "c", "</s>"]
    assert found["log_probabilities"] == [-1, -2, -0.5]
    assert (found["source"], found["target"], found["score"]) == ("a", "bc", -3.5)
    assert found["perplexity"] == pytest.approx(math.exp(3.5 / 3), abs=1e-6)
