"""Weights of given pairs are compared with the weights of a search and of single steps."""

import keras
import numpy as np
import pytest
from keras import ops
from support import random_translator

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    LuongAttention,
    SubwordTokenizer,
    Translator,
    Vocabulary,
    learn_subwords,
)
from keras_attention.alignment.links import hard_links
from keras_attention.models.ensemble import Ensemble
from keras_attention.special_tokens import START_ID
from keras_attention.translation.forced_alignment import align_pairs

PAIRS = [("abc", "ab"), ("d", ""), ("cab bad", "dcba abcd"), ("dd a", "a?b"), ("b", "bb")]
LETTERS = CharacterTokenizer(Vocabulary("abcd "))

MECHANISMS = {
    "bahdanau": lambda: {"attention": BahdanauAttention(4), "placement": "before"},
    "luong": lambda: {"attention": LuongAttention(), "input_feeding": True},
}


def made(name, tokenizer=LETTERS, seed=0):
    return random_translator(tokenizer, seed=seed, ends=1.5, **MECHANISMS[name]())


@pytest.fixture(scope="module", params=MECHANISMS)
def translator(request):
    return made(request.param)


def test_an_output_of_search_is_aligned_with_the_same_weights(translator):
    ended = [each for each in translator([s for s, _ in PAIRS]) if each.tokens[-1] == "</s>"]
    ended = [each for each in ended if "<unk>" not in each.tokens]
    assert len(ended) > 1
    for each, aligned in zip(
        ended, align_pairs(translator, [(e.source, e.text) for e in ended]), strict=True
    ):
        assert (aligned.source, aligned.target) == (each.source, each.text)
        assert (aligned.source_tokens, aligned.tokens) == (each.source_tokens, each.tokens)
        np.testing.assert_allclose(aligned.weights, each.alignment, atol=1e-5)


def test_every_row_equals_the_alignment_of_a_single_step(translator):
    model, codec = translator.model, translator.codec
    for aligned in align_pairs(translator, PAIRS):
        memory, state = model.encode(ops.convert_to_tensor(codec.encode([aligned.source])))
        before, expected = START_ID, []
        for token in codec.target.encode(aligned.target):
            _, state, weights = model.step(ops.convert_to_tensor([before]), state, memory)
            expected.append(ops.convert_to_numpy(weights)[0])
            before = token
        np.testing.assert_allclose(aligned.weights, expected, atol=1e-5)
        assert aligned.tokens == (*aligned.target, "</s>")
        assert aligned.links() == hard_links(expected)
        assert aligned.links(0.2) == hard_links(expected, 0.2)


def test_results_are_in_the_order_of_the_pairs(translator):
    pairs = PAIRS * 8
    whole = list(align_pairs(translator, iter(pairs)))
    assert [(each.source, each.target) for each in whole] == pairs
    for one, other in zip(align_pairs(translator, pairs, batch_size=2), whole, strict=True):
        assert (one.source, one.target) == (other.source, other.target)
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-5, strict=True)
    assert list(align_pairs(translator, [])) == []


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow compiles")
def test_the_model_is_traced_once_for_all_pairs(translator):
    for pairs in (PAIRS, PAIRS[:1]):
        list(align_pairs(translator, pairs))
    assert translator.aligner.experimental_get_tracing_count() == 1


def test_an_ensemble_averages_the_weights():
    members = [made("bahdanau", seed=1), made("luong", seed=2)]
    together = Translator(Ensemble([each.model for each in members]), members[0].codec)
    alone = [list(align_pairs(each, PAIRS)) for each in members]
    for mean, one, other in zip(align_pairs(together, PAIRS), *alone, strict=True):
        np.testing.assert_allclose(mean.weights, (one.weights + other.weights) / 2, atol=1e-5)


def test_words_are_linked_if_their_pieces_are_linked():
    pieces = SubwordTokenizer(learn_subwords(["low lower lowest", "new newer newest"], 18))
    translator = made("luong", pieces)
    (aligned,) = align_pairs(translator, [("newer low newest", "lowest newest")])
    assert len(aligned.tokens) > 3  # two words, at least one with several pieces, and </s>

    def word(tokens, place):
        return pieces.join(tokens[: place + 1]).count(" ")

    expected = {
        (word(aligned.source_tokens, source), word(aligned.tokens, target))
        for source, target in aligned.links(0.05)
    }
    tokens = aligned.source_tokens, aligned.tokens
    assert translator.codec.word_links(aligned.links(0.05), *tokens) == expected
    assert len(expected) > 2
