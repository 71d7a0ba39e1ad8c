"""Small untrained translators of many architectures, for tests that do not depend on weights."""

import numpy as np
import pytest

from keras_attention import (
    BahdanauAttention,
    ExternalMemoryAttention,
    LuongAttention,
    Seq2Seq,
    Translator,
    Vocabulary,
    learn_subwords,
)
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.translation.codec import TextCodec

HANGUL = "가나다라마바사아자차한국어 é😀"

LINES = [
    "the cat sat on that mat",
    "one family of the cats",
    "고양이 한국어 고양이",
    "abc abd abca",
]

VARIANTS = {
    "bahdanau": lambda: make_translator(
        "abcdefgh ",
        "0123456789-",
        attention=BahdanauAttention(8, normalize=True),
        placement="before",
        output_mapping="entmax15",
        rnn="gru",
        encoder_layers=2,
        decoder_layers=2,
    ),
    "words": lambda: make_translator(
        ["the", "cat", "sat", "on", "mat", "고양이"],
        ["le", "chat", "assis", "sur", "tapis", "the", "고양이"],
        kind="word",
        search=SearchSettings(
            24,
            12,
            beam_width=3,
            length_penalty=0.6,
            coverage_penalty=0.2,
            min_length=3,
            repetition_penalty=1.2,
            no_repeat_ngram=2,
            replace_unknown=True,
        ),
        attention=LuongAttention("general"),
        input_feeding=True,
        attention_units=6,
        copying=True,
    ),
    "fixed vector": lambda: make_translator("abc", "xyz", bridge="copy"),
    "hangul": lambda: make_translator(
        HANGUL,
        HANGUL,
        attention=LuongAttention("location", max_source_length=24),
        decoder_layers=2,
        merge="sum",
        bridge="zero",
    ),
    "gnmt over a memory": lambda: make_translator(
        "abcdefgh ",
        "0123456789-",
        attention=ExternalMemoryAttention(5),
        encoder="gnmt",
        decoder="gnmt",
        encoder_layers=2,
        decoder_layers=3,
        deep_output=True,
    ),
    "transformer": lambda: make_translator(
        "abcdefgh ",
        "0123456789-",
        attention=LuongAttention("general"),
        encoder="transformer",
        decoder="transformer",
        decoder_layers=2,
        heads=2,
        feed_forward=6,
        max_target_length=12,
    ),
    "subwords": lambda: make_translator(
        learn_subwords(LINES, 34),
        learn_subwords(LINES, 34),
        kind="subword",
        attention=LuongAttention("general"),
        layer_norm=True,
        deep_output=True,
        attention_units=6,
        tie_embeddings="all",
    ),
}

# Use these where a result does not depend on how the model is built. Together they cover every kind
# of tokenizer, greedy search and beam search, LSTMs and self-attention.
FEW = ("words", "subwords", "transformer")
few_variants = pytest.mark.parametrize(
    "variant_name", FEW, indirect=True, scope="session", ids="variant {}".format
)

TEXTS = (
    "the cat sat on",
    "",
    "abc" * 7,
    "고양이 한국어 😀",
    "e\u0301 한글",  # in normal form D
    "👩‍👩‍👧 family of one emoji",
    "<s> </s> <pad>",
    " \t leading and\u3000other white space ",
    "שלום a",
)
LONG = "the cat abc 가나 " * 60


def make_translator(sources, targets, *, kind="character", search=None, features=None, **model):
    """Return a translator whose weights are so large that its outputs depend on its inputs."""
    source, target = (
        make_tokenizer(kind, learned if kind == "subword" else Vocabulary(learned), features=given)
        for learned, given in ((sources, features), (targets, None))
    )
    if features:
        model["source_features"] = features.sizes
    sizes = len(source.vocabulary), len(target.vocabulary)
    network = Seq2Seq(*sizes, **{"units": 8, "embedding": 6, **model})
    network.build()
    rng = np.random.default_rng(5)
    network.set_weights([rng.standard_normal(w.shape) for w in network.get_weights()])
    codec = TextCodec(source, target, search or SearchSettings(24, 12))
    if network.settings.copying:
        network.copy_output.set_targets(codec.copied_ids())
    return Translator(network, codec)


def assert_same(actual, expected, *, tolerance=1e-4):
    """Assert that two runtimes return equal texts and tokens, and nearly equal numbers."""
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert (one.source, one.source_tokens) == (other.source, other.source_tokens)
        assert (one.text, one.tokens) == (other.text, other.tokens)
        assert one.unknown_tokens in (other.unknown_tokens, None)  # None from a server
        assert one.source_tokens != ("</s>",) or (one.text, one.score) == ("", 0)
        np.testing.assert_allclose(one.score, other.score, atol=tolerance)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=tolerance, strict=True)
