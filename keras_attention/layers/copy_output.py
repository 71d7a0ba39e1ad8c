"""Copying of source tokens through the alignment (See et al. 2017)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.attention.base.configured import Configured
from keras_attention.ops.masking import Tensor
from keras_attention.settings.arguments import checked_units
from keras_attention.special_tokens import PAD_ID, UNKNOWN_ID

_LEAST = 1e-9
"""The smallest probability of copying, so that its logarithm is finite."""


@keras.saving.register_keras_serializable(package="keras_attention")
class CopyOutput(Configured, keras.layers.Layer):
    """Pointer-generator output: generate a token from the vocabulary, or copy a source token.

    `p(y) = g softmax(logits)_y + (1 - g) sum_{s: target_of(x_s) = y} alignment_s` (See et al.
    2017, equation 9). The gate is `g = sigmoid(w . output + b)`, where `output` is the decoder's
    output. In the paper the gate depends on context, state and input (equation 8). The decoder's
    output here, whether attentional vector, deep output or `h`, depends on all three.

    A source token that is not in the target vocabulary is copied as `<unk>`. Recipes with copying
    set `SearchSettings.replace_unknown`, so that translators and exports replace that `<unk>` with
    the source token of the largest weight. Both together have the effect of the paper's extended
    vocabulary. In training, `pointers` mark the source tokens that are right if the target token is
    unknown. An `<unk>` that is copied from any other place counts as wrong, as in the paper.

    Args:
        source_vocabulary_size: number of source ids.
        target_vocabulary_size: number of target ids.

    Call arguments:
        logits: float tensor `[N, V]` or `[B, T, V]`.
        outputs: the decoder's outputs `[N, D]` or `[B, T, D]`.
        alignment: `[N, S]` or `[B, T, S]`, where `N = B * K` for `K` hypotheses per source.
        copies: `target_ids` of the source, `[B, S]`.
        pointers: optional, `[B, T, S]`: 1 where the target token to be predicted is unknown and
            equals the source token, else 0. If a step has a 1, the probability of `<unk>` counts
            only copying from the source tokens marked 1. The remaining probability of `<unk>`
            moves to the padding id, which is never the right prediction.

    Returns:
        Log-probabilities of the shape of `logits`, float32.

    Raises:
        ValueError: if a size is not a positive integer.

    Example:
    >>> import numpy as np
    >>> from keras_attention.layers import CopyOutput
    >>> layer = CopyOutput(5, 6)
    >>> layer.build((None, 6), (None, 3))
    >>> layer.set_targets([0, 1, 2, 3, 5])
    >>> copies = layer.target_ids(np.array([[4, 2]]))
    >>> alignment, outputs = np.array([[1.0, 0.0]], "float32"), np.zeros((1, 3), "float32")
    >>> log_probabilities = layer(np.zeros((1, 6), "float32"), outputs, alignment, copies)
    >>> [round(float(p), 3) for p in np.exp(log_probabilities)[0]]
    [0.083, 0.083, 0.083, 0.083, 0.083, 0.583]

    Reference:
        https://arxiv.org/abs/1704.04368
    """

    def __init__(
        self, source_vocabulary_size: int, target_vocabulary_size: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source_vocabulary_size = checked_units(
            source_vocabulary_size, "source_vocabulary_size"
        )
        self.target_vocabulary_size = checked_units(
            target_vocabulary_size, "target_vocabulary_size"
        )
        self.gate = keras.layers.Dense(1, dtype=self.dtype_policy, name="gate")

    def build(
        self,
        logits_shape: Any,
        outputs_shape: Any,
        alignment_shape: Any = None,
        copies_shape: Any = None,
        pointers_shape: Any = None,
    ) -> None:
        """Create the gate for outputs `[..., D]`, and a table of target ids, full of `<unk>`."""
        self.gate.build((None, outputs_shape[-1]))
        self.targets = self.add_weight(
            shape=(self.source_vocabulary_size,),
            initializer=keras.initializers.Constant(UNKNOWN_ID),
            dtype="int32",
            trainable=False,
            autocast=False,
            name="targets",
        )
        self.built = True

    def set_targets(self, targets: Sequence[int]) -> None:
        """Set the target id of each source id, `source_vocabulary_size` ids in all.

        Raises:
            ValueError: if the number of ids is wrong, or an item is not a target id.
        """
        table = np.asarray(targets)
        fits = table.shape == (self.source_vocabulary_size,)
        if not fits or table.min() < 0 or table.max() >= self.target_vocabulary_size:
            values = f" from {table.min()} to {table.max()}" if table.size else ""
            raise ValueError(
                f"`targets` must be {self.source_vocabulary_size} ids from 0 to "
                f"{self.target_vocabulary_size - 1}. Received: shape {table.shape}{values}."
            )
        self.targets.assign(table.astype("int32"))

    def target_ids(self, source: Tensor) -> Tensor:
        """Return the target id that is written when each source id is copied; both are `[B, S]`."""
        return ops.take(self.targets, ops.cast(source, "int32"), axis=0)

    def call(
        self,
        logits: Tensor,
        outputs: Tensor,
        alignment: Tensor,
        copies: Tensor,
        pointers: Tensor | None = None,
    ) -> Tensor:
        """Mix both distributions; see the class for shapes."""
        gate = ops.cast(self.gate(outputs), "float32")
        from_vocabulary = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        copied = ops.reshape(self._copied(alignment, copies), ops.shape(from_vocabulary))
        mixed = _mix(gate, from_vocabulary, copied)
        if pointers is None:
            return mixed
        alignment, pointers = (ops.cast(x, "float32") for x in (alignment, pointers))
        right = ops.sum(alignment * pointers, axis=-1, keepdims=True)
        pointed = ops.max(pointers, axis=-1, keepdims=True) > 0
        # An <unk> from the vocabulary, or copied from another place, is wrong: move its
        # probability to padding.
        unknown = slice(UNKNOWN_ID, UNKNOWN_ID + 1)
        elsewhere = _mix(gate, from_vocabulary[..., unknown], copied[..., unknown] - right)
        from_there = ops.log_sigmoid(-gate) + ops.log(ops.maximum(right, _LEAST))
        ids = ops.arange(self.target_vocabulary_size)
        mixed = ops.where(pointed & (ids == UNKNOWN_ID), from_there, mixed)
        return ops.where(pointed & (ids == PAD_ID), _log_sum(mixed, elsewhere), mixed)

    def _copied(self, alignment: Tensor, copies: Tensor) -> Tensor:
        """Return the probabilities `[B, N / B, V]` of copying each target token."""
        sources, steps = ops.shape(copies)
        # A reshape of an empty batch cannot infer a size of -1, so use 0.
        rows = -1 if copies.shape[0] is None or copies.shape[0] else 0
        by_source = ops.reshape(ops.cast(alignment, "float32"), (sources, rows, steps))
        return ops.matmul(by_source, ops.one_hot(copies, self.target_vocabulary_size))

    def compute_output_shape(
        self,
        logits_shape: Any,
        outputs_shape: Any,
        alignment_shape: Any = None,
        copies_shape: Any = None,
        pointers_shape: Any = None,
    ) -> Any:
        """Return the shape of the logits."""
        return logits_shape


def _mix(gate: Tensor, from_vocabulary: Tensor, copied: Tensor) -> Tensor:
    """Mix the log-probabilities `from_vocabulary` and the probabilities `copied` by the gate."""
    return _log_sum(
        ops.log_sigmoid(gate) + from_vocabulary,
        ops.log_sigmoid(-gate) + ops.log(ops.maximum(copied, _LEAST)),
    )


def _log_sum(one: Tensor, other: Tensor) -> Tensor:
    """Return `log(exp(one) + exp(other))`, with operators that every runtime has."""
    larger = ops.stop_gradient(ops.maximum(one, other))
    return larger + ops.log(ops.exp(one - larger) + ops.exp(other - larger))
