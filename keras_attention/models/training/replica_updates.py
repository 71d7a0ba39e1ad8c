"""The clipping of gradients of a model that is trained in several replicas, on TensorFlow."""

from __future__ import annotations

from typing import Any


def clip_sums(optimizer: Any) -> None:
    """Let a Keras optimizer clip the sum of the replicas' gradients.

    By itself, Keras clips the gradients of each replica before it adds them up, so the norm of the
    sum can exceed the limit. After this call, the gradients are added up before Keras gets them.
    The first replica passes the sum on, and the others pass zeros on, which clipping does not
    change. So what Keras then adds up is the clipped sum. An optimizer that does not clip is not
    changed.

    Args:
        optimizer: its method `apply` is replaced, once.
    """
    clips = any((optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue))
    if not clips or "apply" in vars(optimizer):
        return
    apply = optimizer.apply

    def apply_sums(grads: Any, trainable_variables: Any = None) -> None:
        apply(_sums_in_first_replica(grads), trainable_variables)

    optimizer.apply = apply_sums


def _sums_in_first_replica(gradients: Any) -> list[Any]:
    """Return the sums of the replicas' gradients in the first replica, and zeros in the others."""
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    present = [gradient for gradient in gradients if gradient is not None]
    if replica is None or not present:
        return list(gradients)
    sums = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, present))
    first = tf.equal(replica.replica_id_in_sync_group, 0)
    return [None if gradient is None else _times(next(sums), first) for gradient in gradients]


def _times(gradient: Any, factor: Any) -> Any:
    """Return a gradient times 1 or 0; the gradient of an embedding stays sparse."""
    import tensorflow as tf

    if isinstance(gradient, tf.IndexedSlices):
        values = _times(gradient.values, factor)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient * tf.cast(factor, gradient.dtype)
