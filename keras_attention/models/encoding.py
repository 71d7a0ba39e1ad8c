"""The call of an encoder, built-in or custom, with defaults for final states and mask."""

import inspect
from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor, masked_mean


def run_encoder(
    encoder: keras.layers.Layer, inputs: Tensor, mask: Tensor | None, training: bool = False
) -> tuple[Tensor, Any, Tensor]:
    """Return the memory `[B, S, D]`, the final states and the memory's mask `[B, S]`.

    `encoder(inputs, mask=mask, training=training)` must return one of:

    - `(memory, states)`, where `states` has a tuple of tensors `[B, units]` for each layer;
    - the memory. Then the final state is the mean of the memory over the real steps.

    An encoder that changes the number of steps must define `compute_mask`, which returns the
    memory's mask.

    Args:
        encoder: a Keras layer; the call builds it if necessary.
        inputs: float tensor `[B, S, E]`, or other inputs that the encoder accepts.
        mask: boolean tensor `[B, S]`, True where a step is real, or `None` if all are. It is not
            passed to an encoder whose `call` has no argument `mask`.
        training: whether dropout is active.

    Raises:
        ValueError: if the encoder returns something else, or its mask has a different number of
            steps.
    """
    masked = mask is not None and "mask" in inspect.signature(encoder.call).parameters
    outputs = encoder(inputs, training=training, **({"mask": mask} if masked else {}))
    memory, states = outputs if isinstance(outputs, tuple | list) else (outputs, ())
    if len(memory.shape) != 3:
        raise ValueError(
            "an encoder must return a memory [B, S, D], with or without its final states. "
            f"Received: a memory of shape {tuple(memory.shape)} from {encoder.name!r}."
        )
    mask = _memory_mask(encoder, inputs, memory, mask)
    states = states or ((masked_mean(memory, mask),),)
    if not all(isinstance(layer, tuple | list) for layer in states):
        raise ValueError(
            "the final states of an encoder must be a tuple with one tuple of tensors for each "
            f"layer, such as ((h, c),). Received: {states!r} from {encoder.name!r}."
        )
    return memory, states, mask


def _memory_mask(
    encoder: keras.layers.Layer, inputs: Tensor, memory: Tensor, mask: Tensor | None
) -> Tensor:
    if type(encoder).compute_mask is not keras.layers.Layer.compute_mask:
        masks = encoder.compute_mask(inputs, mask)
        mask = masks[0] if isinstance(masks, tuple | list) else masks
    if mask is None:
        return ops.cast(ops.ones_like(memory[:, :, 0]), "bool")
    steps = mask.shape[1], memory.shape[1]
    if None not in steps and len(set(steps)) > 1:
        raise ValueError(
            "an encoder that changes the number of steps must define `compute_mask`. Received: a "
            f"mask of {steps[0]} steps for a memory of {steps[1]} from {encoder.name!r}."
        )
    return mask
