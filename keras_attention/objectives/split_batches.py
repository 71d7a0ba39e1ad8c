"""Computes the loss of a batch in parts, one for each JAX device, which communicate once a step.

If JAX itself divides a computation among devices, it adds up the gradients of a recurrent layer
over all devices in every time step. In parts, each device sums its own gradients over the time
steps, and the devices exchange the sums once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_attention.objectives.replicas import replicas_along

Values = list[Any]
"""The values of variables, in the order of the model's lists of variables."""

_SEED_STEP = 0x9E3779B9
"""An odd number: the seeds of up to 2**32 devices differ."""


def splits_batches() -> bool:
    """Return whether `keras.distribution` divides batches among several devices, on JAX."""
    return keras.backend.backend() == "jax" and isinstance(
        keras.distribution.distribution(), keras.distribution.DataParallel
    )


def loss_of_parts(
    compute: Callable[..., Any],
    seeds: Sequence[bool],
    values: tuple[Values, Values, Values, Values],
    batch: tuple[Any, Any, Any],
    rows_axis: int,
) -> Any:
    """Return what `compute` returns for the whole batch, computed in one part for each device.

    Losses and floating-point variables are the mean over the parts; `weigh_replica` takes care of
    the different numbers of tokens. The parts draw different dropout masks.

    Args:
        compute: `compute_loss_and_updates` of Keras's model, with its arguments except `training`.
        seeds: for each non-trainable variable, whether it is the state of a generator of random
            numbers.
        values: the trainable, non-trainable and metrics variables, and those of the optimizer.
        batch: inputs, targets and sample weights, whose first axis has a multiple of the number of
            devices.
        rows_axis: the axis of the model's outputs that has the rows of the batch.
    """
    import jax

    lax: Any = jax.lax
    spec: Any = jax.sharding.PartitionSpec
    distribution: Any = keras.distribution.distribution()
    axis = distribution.batch_dim_name

    def mean(value: Any) -> Any:
        floating = jax.numpy.issubdtype(value.dtype, jax.numpy.floating)
        return lax.pmean(value, axis) if floating else value

    def part(values: tuple[Values, Values, Values, Values], batch: tuple[Any, Any, Any]) -> Any:
        trainable, fixed, metrics, optimizer = values
        shift = np.array([_SEED_STEP, 0], "uint32") * lax.axis_index(axis).astype("uint32")
        shifts = [shift if seed else None for seed in seeds]
        fixed = [v if by is None else v + by for v, by in zip(fixed, shifts, strict=True)]
        with replicas_along(axis):
            loss, (unscaled, outputs, fixed, metrics) = compute(
                trainable, fixed, metrics, *batch, optimizer_variables=optimizer
            )
        fixed = [mean(v) if by is None else v - by for v, by in zip(fixed, shifts, strict=True)]
        return mean(loss), (mean(unscaled), outputs, fixed, [mean(v) for v in metrics])

    whole, rows = spec(), spec(axis)
    found = spec(*[None] * rows_axis, axis)
    return jax.shard_map(
        part,
        mesh=distribution.device_mesh.backend_mesh,
        in_specs=(whole, rows),
        out_specs=(whole, (whole, found, whole, whole)),
        check_vma=False,  # with this check, JAX exchanges the gradients in every time step again
    )(values, batch)
