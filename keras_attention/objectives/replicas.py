"""Losses of batches that are split among replicas, on TensorFlow or JAX."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor

_axis: ContextVar[str | None] = ContextVar("_axis", default=None)


@contextmanager
def replicas_along(axis: str) -> Iterator[None]:
    """Treat each index of a mapped axis of JAX as a replica, within the block."""
    token = _axis.set(axis)
    try:
        yield
    finally:
        _axis.reset(token)


def has_replicas() -> bool:
    """Return whether a loss is computed for one of several replicas."""
    return _axis.get() is not None or replica_count() > 1


def replica_count() -> int:
    """Return the number of replicas whose gradients Keras sums: 1 on JAX or without a strategy."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def weigh_replica(loss: Tensor, weight: Tensor) -> Tensor:
    """Weight a replica's loss by its share of the whole batch.

    TensorFlow switches to another replica inside this function. Read everything that replicas
    share, such as the losses that layers add, before the call.

    Args:
        loss: float scalar, the replica's mean loss divided by the number of replicas.
        weight: float scalar, the total weight in that mean, such as the replica's number of tokens.

    Returns:
        The mean loss over the whole batch divided by the number of replicas, with the gradient of
        this replica's part only. On JAX, the mean loss over the whole batch. Without replicas,
        `loss` itself.

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.replicas import weigh_replica
    >>> float(weigh_replica(np.float32(1.5), np.float32(7)))
    1.5
    """
    if axis := _axis.get():
        import jax

        lax: Any = jax.lax
        part, weight = lax.psum((loss * weight, weight), axis)
        return ops.divide_no_nan(part, weight)
    count = replica_count()
    if count == 1:
        return loss
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None:  # Keras is only inferring the shapes of the results
        return loss
    part = loss * ops.cast(weight, loss.dtype)
    sums = tf.stop_gradient(ops.stack([part, ops.cast(weight, loss.dtype)]))
    if isinstance(tf.distribute.get_strategy(), tf.distribute.MirroredStrategy):
        sums = replica.merge_call(_sum_replicas, args=(sums,))
    else:
        sums = replica.all_reduce(tf.distribute.ReduceOp.SUM, sums)
    all_parts, all_weights = ops.unstack(tf.stop_gradient(sums))
    own = count * ops.divide_no_nan(part, all_weights)
    return own + tf.stop_gradient(ops.divide_no_nan(all_parts, all_weights) - own)


def _sum_replicas(strategy: Any, values: Any) -> Tensor:
    """Return the sum of the values of all replicas on one host.

    An all-reduce would use collective operations. If two strategies use the same devices, the
    collective operations of both must have the same shapes; otherwise the second strategy fails.
    """
    return sum(strategy.experimental_local_results(values))
