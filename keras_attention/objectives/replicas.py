"""The loss of a batch that a `tf.distribute` strategy divides among replicas."""

from typing import Any

import keras
from keras import ops

from keras_attention.ops.masking import Tensor


def replica_count() -> int:
    """Return the number of replicas whose gradients Keras adds up, 1 without a strategy."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def weigh_replica(loss: Tensor, weight: Tensor) -> Tensor:
    """Weigh a replica's loss by what it holds, where all replicas would weigh the same.

    TensorFlow runs another replica here. What replicas share, such as the losses that layers add,
    must have been read before.

    Args:
        loss: float scalar, the replica's mean divided by the number of replicas.
        weight: float scalar, what the mean is over, such as the replica's number of tokens.

    Returns:
        The mean over all replicas' batches, divided by the number of replicas, with the gradient of
        the replica's own part of it. Without replicas the loss itself.

    Example:
    >>> import numpy as np
    >>> from keras_attention.objectives.replicas import weigh_replica
    >>> float(weigh_replica(np.float32(1.5), np.float32(7)))
    1.5
    """
    count = replica_count()
    if count == 1:
        return loss
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None:  # Keras asks for the shapes of the results
        return loss
    part = loss * ops.cast(weight, loss.dtype)
    sums = tf.stop_gradient(ops.stack([part, ops.cast(weight, loss.dtype)]))
    if isinstance(tf.distribute.get_strategy(), tf.distribute.MirroredStrategy):
        sums = replica.merge_call(_add_up, args=(sums,))
    else:
        sums = replica.all_reduce(tf.distribute.ReduceOp.SUM, sums)
    all_parts, all_weights = ops.unstack(tf.stop_gradient(sums))
    own = count * ops.divide_no_nan(part, all_weights)
    return own + tf.stop_gradient(ops.divide_no_nan(all_parts, all_weights) - own)


def _add_up(strategy: Any, each: Any) -> Tensor:
    """Return the sum of what the replicas of one host hold.

    An all-reduce would take a collective operation, and those of a second strategy over the same
    devices fail where their shapes are others than in the first one.
    """
    return sum(strategy.experimental_local_results(each))
