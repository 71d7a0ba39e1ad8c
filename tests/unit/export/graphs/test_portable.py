import keras
import numpy as np
import pytest

from keras_attention import BahdanauAttention, Seq2Seq, Translator, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.export.graphs.portable import portable_copy
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.translation.codec import TextCodec


@pytest.fixture(scope="module")
def translator():
    tokenizer = make_tokenizer("character", Vocabulary("abc"))
    model = Seq2Seq(7, 7, units=4, embedding=3, attention=BahdanauAttention(4), encoder_layers=2)
    model.build()
    return Translator(model, TextCodec(tokenizer, tokenizer, SearchSettings(8, 5)))


def lstms(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.LSTM)]


def test_no_layer_of_a_portable_copy_uses_cudnn(translator):
    copy = portable_copy(translator).model
    # The encoder has two layers with two directions each, and the decoder has one layer.
    assert len(lstms(copy)) >= 5
    assert {layer.use_cudnn for layer in lstms(copy)} == {False}
    assert {layer.use_cudnn for layer in lstms(translator.model)} == {"auto"}


@pytest.mark.parametrize("compute", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_copy_computes_in_the_requested_precision(translator, compute):
    copy = portable_copy(translator, compute)
    narrow = compute.removeprefix("mixed_")
    assert copy.model.compute_dtype == copy.model.encoder.compute_dtype == narrow
    assert {weight.dtype for weight in copy.model.weights} == {"float32"}
    # Compare scores of a given target: a search in 16 bits may choose another output.
    (one,), (other,) = (each.score(["abc"], ["ab"]) for each in (translator, copy))
    np.testing.assert_allclose(one.score, other.score, rtol=1e-6 if narrow == "float32" else 0.05)


def test_an_unknown_precision_is_refused(translator):
    with pytest.raises(InputError, match=r"policies float32, mixed_.* Received: compute=int8"):
        portable_copy(translator, "int8")
