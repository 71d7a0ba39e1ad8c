"""A search with a short list equals a search in which all other tokens are excluded."""

import numpy as np
import pytest

from keras_attention import BahdanauAttention, Seq2Seq, Translator, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.decoding.short_list import ShortList
from keras_attention.errors import InputError
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.searches import compiled_search

SOURCES, TARGETS = 9, 1300


def make_list(seed=0):
    rng = np.random.default_rng(seed)
    by_source = rng.integers(4, TARGETS, (SOURCES, 6)).astype("int32")
    by_source[:4], by_source[5, 3:] = 0, 0
    return ShortList(rng.integers(4, TARGETS, 20).astype("int32"), by_source, TARGETS)


def make_translator(**model):
    source = WordTokenizer(Vocabulary("abcde"))
    target = WordTokenizer(Vocabulary(f"w{number}" for number in range(TARGETS - 4)))
    network = Seq2Seq(
        SOURCES,
        TARGETS,
        units=8,
        embedding=6,
        attention=BahdanauAttention(6),
        placement="before",
        **model,
    )
    network.build()
    rng = np.random.default_rng(2)
    network.set_weights([rng.standard_normal(w.shape) for w in network.get_weights()])
    return Translator(network, TextCodec(source, target, SearchSettings(16, 5)))


def test_allowed_ids_are_special_common_likely_and_requested_tokens():
    short_list = make_list()
    source = np.array([[4, 6, 2], [5, 2, 0]], "int32")
    allowed = short_list.allowed(source, also=[77])
    assert allowed.dtype == np.int32 and len(allowed) == 512
    assert np.array_equal(allowed, np.unique(allowed))
    assert allowed[:4].tolist() == [0, 1, 2, 3]
    needed = {77, *short_list.common, *short_list.by_source[[4, 5, 6]].ravel()}
    assert needed <= set(allowed.tolist())


def test_a_short_list_of_over_half_of_the_vocabulary_is_not_used():
    source = np.array([[4, 2]])
    few = ShortList(np.array([5]), np.zeros((5, 1), "int32"), 1024)
    assert len(few.allowed(source)) == 512
    assert ShortList(few.common, few.by_source, 1023).allowed(source) is None
    many = ShortList(np.arange(600, dtype="int32"), few.by_source, 2047)
    assert many.allowed(source) is None


def without(translator, allowed):
    """Set low output biases, so that the model never chooses a token that is not in `allowed`."""
    model = translator.model
    bias = (
        model.output_projection.bias
        if model.settings.tie_embeddings == "none"
        else model.output_bias
    )
    others = np.setdiff1d(np.arange(TARGETS), allowed)
    changed = np.array(bias)
    changed[others] = -1e9
    bias.assign(changed)
    return Translator(model, translator.codec)


TIED = {"tie_embeddings": "target", "deep_output": True, "attention_units": 6}
BEAMS = {"beam_width": 3, "length_penalty": 0.6, "min_length": 4}
SAMPLES = {"sample": True, "beam_width": 3, "temperature": 0.1}


@pytest.mark.parametrize(
    "model, prefix, options",
    [
        ({}, "w700", {}),
        ({}, "", BEAMS),
        ({}, "w700", SAMPLES),
        (TIED, "", {}),
        (TIED, "w700", BEAMS),
    ],
)
def test_search_equals_the_search_of_a_model_that_never_chooses_other_tokens(
    model, prefix, options, monkeypatch
):
    translator = make_translator(**model)
    translator.short_list = make_list()
    text = "a b d"
    found = translator(text, prefix=prefix, **options)
    assert len(found.hypotheses) == options.get("beam_width", 1)
    ids = translator.codec.encode([text])
    allowed = translator.short_list.allowed(ids, [704] if prefix else [])
    if options.get("sample"):  # with fewer tokens, random numbers select others
        names = set(translator.codec.target.vocabulary.decode(allowed.tolist()))
        assert all(names.issuperset(each.tokens) for each in found.hypotheses)
        return
    # A single search without a graph is faster than tracing one.
    monkeypatch.setattr(compiled_search, "compile_arrays", lambda function, inputs: function)
    expected = without(translator, allowed)(text, prefix=prefix, **options)
    assert found.tokens == expected.tokens
    assert found.score == pytest.approx(expected.score, abs=1e-4)
    np.testing.assert_allclose(found.alignment, expected.alignment, atol=1e-5)


def test_the_short_list_is_saved_with_the_model(tmp_path):
    translator = make_translator()
    translator.short_list = make_list()
    translator.save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert np.array_equal(loaded.short_list.common, translator.short_list.common)
    assert np.array_equal(loaded.short_list.by_source, translator.short_list.by_source)
    assert Translator.load_ensemble([tmp_path, tmp_path]).short_list is None
    translator.short_list = None
    translator.save(tmp_path)
    assert Translator.load(tmp_path).short_list is None


def test_a_damaged_file_and_a_file_for_another_model_are_refused(tmp_path):
    content = make_list().to_bytes()
    sizes = SOURCES, TARGETS
    for bad in (b"", content[:-40], b"not a short list"):
        with pytest.raises(InputError, match="x.npz: the file is damaged or not a short list"):
            ShortList.from_bytes(bad, "x.npz", sizes)
    far = ShortList(np.array([TARGETS]), np.zeros((SOURCES, 1), "int32"), TARGETS)
    with pytest.raises(InputError, match="damaged"):
        ShortList.from_bytes(far.to_bytes(), "x.npz", sizes)
    with pytest.raises(InputError, match="of 9 source and 8 target tokens. Received: 9 and 1300"):
        ShortList.from_bytes(content, "x.npz", (SOURCES, 8))
