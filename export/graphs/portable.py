"""The model as it is exported: for every device, in one precision."""

from __future__ import annotations

import keras

from keras_attention.errors import InputError
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.model_files import check_finite_weights, copy_for_inference
from keras_attention.translation.translator import Translator

COMPUTE = ("float32", "mixed_float16", "mixed_bfloat16")


def portable_copy(translator: Translator, compute: str = "float32") -> Translator:
    """A copy whose graphs run wherever TensorFlow runs; see `portable_model`.

    Args:
        translator: a translator of one model.
        compute: the dtype policy of the copy.

    Raises:
        InputError: if there is no such policy, the translator is an ensemble or something else, or
            a weight is not a finite number.
    """
    if not isinstance(translator, Translator):
        raise InputError(
            "expected a Translator, which `Translator.from_model` makes of a Seq2Seq and its "
            f"tokenizers. Received: {type(translator).__name__}."
        )
    model = portable_model(translator.single_model, compute)
    return Translator(model, translator.codec, max_tokens=translator.max_tokens)


def portable_model(model: Seq2Seq, compute: str = "float32") -> Seq2Seq:
    """Return a copy of a model whose graphs run wherever TensorFlow runs.

    On a machine with a GPU Keras puts operators of cuDNN's into the graph, which no other machine
    runs; here its LSTMs and GRUs are loops on every machine.

    Args:
        model: the model.
        compute: the dtype policy of the copy.

    Raises:
        InputError: if there is no such policy, or a weight is not a finite number.
    """
    check_compute(compute)
    check_finite_weights(model)
    copy = copy_for_inference(model, dtype=compute)
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
            layer.use_cudnn = False
    return copy


def check_compute(compute: str) -> None:
    """Checks a dtype policy.

    Raises:
        InputError: if it is none of `COMPUTE`.
    """
    if compute not in COMPUTE:
        raise InputError(
            f"a SavedModel computes in one of {', '.join(COMPUTE)}. Received: {compute!r}."
        )
