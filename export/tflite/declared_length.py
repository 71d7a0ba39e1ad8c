"""Declare a length of the source in a TFLite file, although its graphs accept any length."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device.device_checks import ANY
from ..device.device_file import SIGNATURES


def declare_length(model: Any, source: int, attended: int) -> None:
    """Declare a length for the inputs and outputs of the signatures for one source.

    Most runtimes can resize an input. They run these signatures with sources of any length,
    although the declared shapes are fixed. LiteRT.js cannot resize inputs, and refuses an input
    without a fixed shape. There, callers pad each source to the declared length.

    Args:
        model: the result of `read_flat_file`, which is changed in place. The `source` of its
            signatures has any length.
        source: the length of `source`.
        attended: the length of all other tensors whose length depends on that of `source`, which
            is less by the number of source features.
    """
    for signature in model.signatureDefs:
        if signature.signatureKey.decode() not in SIGNATURES:
            continue
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        for named in (*signature.inputs, *signature.outputs):
            tensor = tensors[named.tensorIndex]
            if tensor.shapeSignature is not None:
                length = source if named.name == b"source" else attended
                declared = np.where(tensor.shapeSignature == ANY, length, tensor.shape)
                tensor.shape, tensor.shapeSignature = declared.astype("int32"), None
