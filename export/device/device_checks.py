"""Checks that the graphs of a TFLite file match its tokenizers and its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_attention.errors import InputError
from keras_attention.translation.codec import TextCodec

from .device_file import BATCHED, source_lengths

ANY = -1
"""The runtime's number for a dimension of any size."""


def check_graph(
    runner: Any, signature: str, codec: TextCodec, manifest: Mapping[str, Any], name: str
) -> None:
    """Check the shapes of the inputs and outputs of a signature.

    Args:
        runner: the runtime's runner for the signature.
        signature: name of the signature, one of `SIGNATURES`, or of the values of `BATCHED`.
        codec: the tokenizers and search settings.
        manifest: the file's manifest.
        name: the file's name, for error messages.

    Raises:
        InputError: if an input or output is missing or has a different shape.
    """
    found = {**runner.get_output_details(), **runner.get_input_details()}
    for tensor, expected in _shapes(signature, codec, manifest).items():
        shape = (
            [int(size) for size in found[tensor]["shape_signature"]] if tensor in found else None
        )
        if shape != expected:
            raise InputError(
                f"{name}: damaged, expected `{tensor}` of the signature `{signature}` to have the "
                f"shape {expected}, to match the tokenizers and the manifest. "
                f"Received: {shape or 'no such tensor'}."
            )


def _shapes(
    signature: str, codec: TextCodec, manifest: Mapping[str, Any]
) -> Mapping[str, list[int]]:
    (source, attended), target = source_lengths(codec), codec.settings.max_length
    if signature == "encode":
        return {"source": [1, source]}
    if signature == "decode_step":
        return {
            "token": [1],
            "log_probabilities": [1, len(codec.target.vocabulary)],
            "alignment": [1, attended],
        }
    batched = signature in BATCHED.values()
    rows = manifest["batch_size"] if batched else 1
    if batched:
        source, attended = ANY, ANY
    greedy = signature in ("greedy", BATCHED["greedy"])
    each = [rows] if greedy else [rows, manifest["beam_width"]]
    return {
        "source": [rows, source],
        "tokens": [*each, target],
        "score": each,
        "alignment": [*each, target, attended],
    }
