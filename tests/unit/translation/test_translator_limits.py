"""Tests of the sizes of batches with texts of any length, and of the texts that are rejected."""

import random
import re

import numpy as np
import pytest
from support import random_translator

from keras_attention import BahdanauAttention, CharacterTokenizer, Translator, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import TextError
from keras_attention.text.padded_batches import BATCH_TOKENS, batch_by_tokens
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.forced_alignment import align_pairs
from keras_attention.translation.searches.compiled_search import compile_aligner, compile_scorer

FEW = 40
"""The limit of padded tokens in a batch; it is small, so that a test has many batches."""


@pytest.fixture(scope="module")
def translator():
    letters = CharacterTokenizer(Vocabulary("abcd"))
    return random_translator(letters, lengths=(16, 6), units=4, attention=BahdanauAttention(4))


def texts(*lengths):
    draw = random.Random(0)
    return ["".join(draw.choices("abcd", k=length)) for length in lengths]


@pytest.fixture
def shapes(translator, monkeypatch):
    """Record the shapes of the model's inputs, and return zeros instead of results."""
    found = []

    def search(ids, options, **_):
        found.append(ids.shape)
        rows, steps = ids.shape
        return np.full((rows, 1, 6), 2), np.zeros((rows, 1)), np.zeros((rows, 1, 6, steps))

    def scorer(source, target):
        found.append((len(source), max(source.shape[1], target.shape[1])))
        return np.zeros(target.shape)

    def aligner(source, target):
        found.append((len(source), max(source.shape[1], target.shape[1])))
        return np.zeros((*target.shape, source.shape[1]))

    monkeypatch.setattr(translator, "_searches", search)
    monkeypatch.setitem(translator.__dict__, "_scorer", scorer)
    monkeypatch.setitem(translator.__dict__, "aligner", aligner)
    return found


ONE_LONG = texts(*[5] * 100, 1000, *[7] * 155)
USES = {
    "list": lambda translator: translator(ONE_LONG, batch_size=256),
    "iterator": lambda translator: list(translator.stream(iter(ONE_LONG), batch_size=256)),
    "samples": lambda translator: translator(ONE_LONG, batch_size=256, sample=True),
    "score": lambda translator: translator.score(ONE_LONG, ["a"] * 256, batch_size=256),
    "score targets": lambda translator: translator.score(["a"] * 256, ONE_LONG, batch_size=256),
    "align": lambda translator: list(
        align_pairs(translator, [("a", text) for text in ONE_LONG], batch_size=256)
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_one_long_text_does_not_make_a_batch_large(use, translator, shapes):
    found = use(translator)
    assert len(found) == 256
    assert sum(rows for rows, _ in shapes) == 256
    assert max(rows * steps for rows, steps in shapes) <= BATCH_TOKENS
    assert len(shapes) <= 18
    sources = [(each.source, getattr(each, "target", "")) for each in found]
    assert [max(pair, key=len) for pair in sources] == ONE_LONG


def test_a_text_longer_than_the_batch_limit_has_its_own_batch(translator, shapes, monkeypatch):
    monkeypatch.setattr(translator, "max_tokens", 2 * BATCH_TOKENS)
    assert len(translator([*"abc", "a" * (BATCH_TOKENS + 5), *"abc"])) == 7
    assert sorted(shapes) == [(1, BATCH_TOKENS + 6), (6, 2)]


def test_batches_to_score_have_a_limited_number_of_logits(translator, shapes, monkeypatch):
    monkeypatch.setattr("keras_attention.translation.translator.BATCH_NUMBERS", 8 * 30)
    translator.score(texts(*[4] * 12), texts(*[9] * 12))
    assert shapes == [(3, 10)] * 4  # 30 tokens with 8 logits each


def test_wide_beams_make_batches_small(translator, shapes, monkeypatch):
    sources = texts(*[4] * 12)
    monkeypatch.setattr("keras_attention.translation.searches.text_search.BATCH_NUMBERS", 8 * 30)
    for options in ({"beam_width": 10}, {"beam_width": 10, "sample": True}):
        shapes.clear()
        translator(sources, max_length=1, **options)
        assert shapes == [(3, 5)] * 4  # 30 hypotheses with 8 logits each
    shapes.clear()
    translator(sources, max_length=6, beam_width=2)
    assert shapes == [(4, 5)] * 3  # 8 hypotheses with 6 x 5 weights each
    shapes.clear()
    translator(sources[:2], beam_width=1000)
    assert shapes == [(1, 5)] * 2


@pytest.mark.parametrize("other", [None, float("nan"), b"ab", ["a"]], ids=repr)
def test_a_text_that_is_not_a_string_is_reported_after_the_results_before_it(
    translator, shapes, other
):
    stream = translator.stream(["abc", other])
    assert next(stream).source == "abc"
    message = f"expected a string. Received: {re.escape(repr(other))}, of type "
    with pytest.raises(TextError, match=f"^text 2: {message}"):
        next(stream)
    with pytest.raises(TextError, match=f"^pair 2: target: {message}"):
        translator.score(["a", "b"], ["a", other])
    with pytest.raises(TextError, match=f"^pair 1: source: {message}"):
        list(align_pairs(translator, [(other, "a")]))


def test_a_text_with_a_lone_surrogate_is_rejected(translator):
    with pytest.raises(TextError, match="^text 2: expected valid Unicode text. Received: .*ud"):
        translator(["a", "\ud800"])


def test_one_string_is_not_an_iterable_of_texts(translator):
    for use in (
        lambda: translator.stream(b"abc"),
        lambda: translator(b"abc"),
        lambda: translator.score("abc", ["a", "b", "c"]),
        lambda: translator.score(["a", "b", "c"], "abc"),
        lambda: list(align_pairs(translator, "ab")),
    ):
        with pytest.raises(TypeError, match="must be an iterable of strings. Received: "):
            use()
    for pair in ("ab", ("a",), ("a", "b", "c"), None, 3):
        with pytest.raises(TextError, match="^pair 1: expected a source and a target. Received: "):
            list(align_pairs(translator, [pair]))


@pytest.mark.parametrize("first", [-1, 0.5, 2**64, "a"])
def test_the_number_of_the_first_text_must_be_in_range(translator, first):
    with pytest.raises(ValueError, match="^`first` must be an integer from 0 to 2 .. 62. Receive"):
        translator.stream(["a"], first=first)


def test_results_do_not_depend_on_the_batches(translator, monkeypatch):
    sources, targets = texts(3, 21, 1, 12, 12, 2), texts(2, 4, 19, 1, 3, 1)
    pairs = list(zip(sources, targets, strict=True))
    used = []
    compiling = "keras_attention.translation.searches.compiled_search.compile_arrays"
    monkeypatch.setattr(compiling, lambda function, _: function)
    monkeypatch.setitem(translator.__dict__, "aligner", compile_aligner(translator.model))
    monkeypatch.setitem(translator.__dict__, "_scorer", compile_scorer(translator.model))

    def small(items, length, *, rows=None, tokens=FEW):
        for batch in batch_by_tokens(items, length, rows=rows, tokens=min(tokens, FEW)):
            used.append(batch)
            yield batch

    def results():
        found = translator(sources)
        numbers = [(each.score, each.alignment) for each in found]
        scores = translator.score(sources, targets)
        aligned = align_pairs(translator, pairs)
        return (
            [each.tokens for each in found],
            [number for pair in numbers for number in pair]
            + [np.array(each.log_probabilities) for each in scores]
            + [each.weights for each in aligned],
        )

    tokens, numbers = results()
    for module in ("text.batched_texts", "translation.batched_pairs"):
        monkeypatch.setattr(f"keras_attention.{module}.batch_by_tokens", small)
    fewer, again = results()
    assert len(used) > 7
    assert fewer == tokens
    for one, other in zip(numbers, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_text_that_is_too_long_is_reported_after_the_results_before_it(
    translator, shapes, monkeypatch
):
    monkeypatch.setattr(translator, "max_tokens", 4)
    for batch_size in (1, 2, 64):
        for given in (["abc", "a", "abcd", "b"], iter(["abc", "a", "abcd", "b"])):
            stream = translator.stream(given, batch_size=batch_size)
            assert [next(stream).source, next(stream).source] == ["abc", "a"]
            with pytest.raises(TextError) as caught:
                next(stream)
            assert str(caught.value) == (
                "text 3: expected at most 4 tokens including </s>. Received: 5."
            )
    with pytest.raises(TextError, match="^pair 2: target: expected at most 4 tokens"):
        translator.score(["a", "b"], ["a", "abcd"])
    aligned = align_pairs(translator, [("a", "a"), ("abcd", "a")], batch_size=1)
    assert next(aligned).source == "a"
    with pytest.raises(TextError, match="^pair 2: source: expected at most 4 tokens"):
        next(aligned)


def test_the_limit_is_1024_tokens_or_the_length_in_training(translator):
    codec = translator.codec
    long = TextCodec(codec.source, codec.target, SearchSettings(2000, 6))
    assert translator.max_tokens == 1024
    assert Translator(translator.model, long).max_tokens == 2000
    assert Translator(translator.model, long, max_tokens=9).max_tokens == 9
    with pytest.raises(ValueError, match="`max_tokens` must be a positive integer. Received: "):
        Translator(translator.model, codec, max_tokens=0)


@pytest.mark.parametrize("size", [0, -1, 2.5, None])
def test_the_batch_size_must_be_a_positive_integer(translator, size):
    for use in (
        lambda: translator.stream(["a"], batch_size=size),
        lambda: translator(["a", "b"], batch_size=size),
        lambda: translator.score(["a"], ["b"], batch_size=size),
        lambda: align_pairs(translator, [("a", "b")], batch_size=size),
    ):
        with pytest.raises(ValueError, match="^`batch_size` must be a positive integer. Received"):
            use()
