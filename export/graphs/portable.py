"""Copies of a model for export; the graphs of the copies run on every device."""

from __future__ import annotations

import keras

from keras_attention.errors import InputError, OptionError
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.model_files import check_finite_weights, copy_for_inference
from keras_attention.translation.translator import Translator

from .named_memory import Model

COMPUTE = ("float32", "mixed_float16", "mixed_bfloat16")


def portable_copy(translator: Translator, compute: str = "float32") -> Translator:
    """Return a copy of a translator whose graphs run wherever TensorFlow runs.

    See `portable_model`.

    Args:
        translator: a translator of a model or of an ensemble.
        compute: the dtype policy of the copy, one of `COMPUTE`.

    Raises:
        InputError: if `compute` is not one of `COMPUTE`, `translator` is not a Translator, a weight
            is not a finite number, or the search settings contradict the `output_rule`.
    """
    if not isinstance(translator, Translator):
        raise InputError(
            "expected a Translator; make one from a Seq2Seq and its tokenizers with "
            f"`Translator.from_model`. Received: {type(translator).__name__}."
        )
    model = portable_model(translator.model, compute)
    rule = translator.output_rule
    if rule is not None:
        rule.check(translator.codec.settings.options())
    limit = translator.max_tokens
    return Translator(model, translator.codec, max_tokens=limit, output_rule=rule)


def portable_model(model: Model, compute: str = "float32") -> Model:
    """Return a copy of a model whose graphs run wherever TensorFlow runs.

    On a machine with a GPU, Keras puts cuDNN operators into the graph, and a machine without a GPU
    cannot run them. In the copy, LSTMs and GRUs are loops on every machine.

    Args:
        model: the model, or an ensemble, whose members are copied.
        compute: the dtype policy of the copy, one of `COMPUTE`.

    Raises:
        InputError: if `compute` is not one of `COMPUTE`, or a weight is not a finite number.
    """
    check_compute(compute)
    if isinstance(model, Ensemble):
        return Ensemble([_portable_member(member, compute) for member in model.models])
    return _portable_member(model, compute)


def _portable_member(model: Seq2Seq, compute: str) -> Seq2Seq:
    check_finite_weights(model)
    copy: Seq2Seq = copy_for_inference(model, dtype=compute)
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
            layer.use_cudnn = False
    return copy


def check_compute(compute: str) -> None:
    """Check a dtype policy.

    Raises:
        OptionError: if it is not one of `COMPUTE`.
    """
    if compute not in COMPUTE:
        rule = f"must be one of the dtype policies {', '.join(COMPUTE)}"
        raise OptionError("compute", rule, compute=compute)
