"""Run an encoder, a user's own too, and add what it may leave out: final states and a mask."""

import inspect
from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor, masked_mean


def run_encoder(
    encoder: keras.layers.Layer, inputs: Tensor, mask: Tensor | None, training: bool = False
) -> tuple[Tensor, Any, Tensor]:
    """Return the memory `[B, S, D]`, the final states and the memory's mask `[B, S]`.

    `encoder(inputs, mask=mask, training=training)` returns `(memory, states)`, where `states` is a
    tuple with one tuple of tensors `[B, units]` for each layer; or the memory alone, whose mean
    over the real steps then is the final state. An encoder that changes the number of steps
    defines `compute_mask`, which returns the memory's mask.

    Args:
        encoder: a Keras layer; it is built where it was not.
        inputs: float tensor `[B, S, E]`, or whatever the encoder reads.
        mask: boolean tensor `[B, S]`, True where a step is real, or `None` where all are; an
            encoder that does not take a mask is called without it.
        training: whether dropout is active.

    Raises:
        ValueError: if the encoder returns something else, or a mask of other steps.
    """
    masked = mask is not None and "mask" in inspect.signature(encoder.call).parameters
    found = encoder(inputs, training=training, **({"mask": mask} if masked else {}))
    memory, states = found if isinstance(found, tuple | list) else (found, ())
    if len(memory.shape) != 3:
        raise ValueError(
            "an encoder must return a memory [B, S, D], or such a memory and its final states. "
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
        found = encoder.compute_mask(inputs, mask)
        mask = found[0] if isinstance(found, tuple | list) else found
    if mask is None:
        return ops.cast(ops.ones_like(memory[:, :, 0]), "bool")
    steps = mask.shape[1], memory.shape[1]
    if None not in steps and len(set(steps)) > 1:
        raise ValueError(
            "an encoder that changes the number of steps must define `compute_mask`. Received: a "
            f"mask of {steps[0]} steps for a memory of {steps[1]} from {encoder.name!r}."
        )
    return mask
