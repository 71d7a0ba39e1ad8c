"""Warm-up requests, which TensorFlow Serving runs once when it loads a version.

The first run of a graph is slower than later ones. The file is a TFRecord of `PredictionLog`
messages. A protobuf message is a sequence of fields, each a number, a length and a content; this
module encodes the fields itself, so that an export does not require TensorFlow Serving's package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_attention.special_tokens import SPECIAL_TOKENS
from keras_attention.text.source_features import add_features
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.signature_answers import beam_inputs

FILE = Path("assets.extra", "tf_serving_warmup_requests")

_LENGTHS = (0, 4, 16)
"""The number of tokens of each typical text."""


class Request(NamedTuple):
    """One request.

    Attributes:
        signature: name of the signature to call.
        inputs: values by name that `tf.make_tensor_proto` accepts.
    """

    signature: str
    inputs: Mapping[str, Any]


def typical_requests(tokenizer: Tokenizer, batch: int = 64) -> list[Request]:
    """Return requests with one text, with three texts including an empty one, and with beams.

    Args:
        tokenizer: the source's tokenizer.
        batch: largest number of texts in a request.
    """
    ids = range(len(SPECIAL_TOKENS), len(tokenizer.vocabulary))
    texts = [tokenizer.decode(islice(cycle(ids), length)) for length in _LENGTHS[:batch]]
    values = tokenizer.features.to_json()
    texts = add_features(texts, {name: known[0] for name, known in values.items()})
    inputs = beam_inputs(1, {"beam_width": 4, "length_penalty": 1.0})
    beams = {"text": texts, **{name: np.full(len(texts), x) for name, x in inputs.items()}}
    return [
        Request("serving_default", {"text": texts[:2][-1:]}),
        Request("serving_default", {"text": texts}),
        Request("beam", beams),
    ]


def write_warm_up(version_folder: Path, model: str, requests: Iterable[Request]) -> Path:
    """Write the requests into a version folder.

    Args:
        version_folder: the folder of a SavedModel, which may be a temporary one.
        model: the name that the model will be served under; the server ignores it.
        requests: at most 1,000 requests.

    Returns:
        The path of the file.
    """
    path = version_folder / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(_prediction_log(model, request))
    return path


def _prediction_log(model: str, request: Request) -> bytes:
    """Return a serialized `PredictionLog`: a `PredictLog` with a `PredictRequest`."""
    spec = _field(1, model.encode()) + _field(3, request.signature.encode())
    inputs = b"".join(
        _field(2, _field(1, name.encode()) + _field(2, _tensor(value)))
        for name, value in request.inputs.items()
    )
    return _field(6, _field(1, _field(1, spec) + inputs))


def _tensor(value: Any) -> bytes:
    return tf.make_tensor_proto(value).SerializeToString(deterministic=True)


def _field(number: int, message: bytes) -> bytes:
    """Return a serialized field that holds bytes, text or another message."""
    return _varint(number << 3 | 2) + _varint(len(message)) + message


def _varint(value: int) -> bytes:
    """Return a variable-length integer.

    Each byte holds 7 bits, the lowest first; its eighth bit is set if another byte follows.
    """
    if value < 128:
        return bytes([value])
    return bytes([value % 128 | 128]) + _varint(value // 128)
