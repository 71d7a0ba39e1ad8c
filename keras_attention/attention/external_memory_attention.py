"""Attention over a memory that the decoder reads and writes (Graves et al., 2014)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_units,
    map_state,
)
from keras_attention.ops.dense import MatrixDense

TINY = 1e-12
"""Replaces weights and squared lengths of 0, so that logarithms and quotients are finite."""

Slots = tuple[Tensor, Tensor, Tensor]


@keras.saving.register_keras_serializable(package="keras_attention")
class ExternalMemoryAttention(AttentionMechanism):
    """The heads of a Neural Turing Machine, with a memory filled from the encoder's outputs.

    Each source token has a slot `M_i`, which starts as a projection of its encoder output. A step
    first writes, then reads. The write head and the read head each compute weights over the slots.
    From the query, a head derives a key `k`, its strength `beta`, a gate `g`, shift weights `s` and
    a sharpness `gamma`. With the head's weights `w'` of the previous step, it computes:

    - the weights by content, `w_c = softmax(beta cos(k, M_i))` (equations 5 and 6);
    - a mixture with the previous weights, `w_g = g w_c + (1 - g) w'` (7);
    - a circular shift over the real slots, `w_s = sum_j s_j w_g(i - j)` (8);
    - sharper weights, `w = w_s^gamma / sum w_s^gamma` (9).

    Writing erases old values and adds new ones, `M_i = M_i (1 - w_i e) + w_i a` (3 and 4). The
    context is what the read head reads, `sum_i w_i M_i` (2). The alignment is the weights of the
    read head. Both heads start at the last slot. The circular shift moves them from there to the
    first slot.

    A model that learns to shift its heads can generalise to longer sources than those in training.
    Use the layer with the placement `"before"`: the LSTM is then the controller of the paper.

    Args:
        width: width of a slot, a positive integer.
        reach: the largest number of slots that a head can shift by in one step. Default 1.
        mapping: the mapping from content scores to weights; the paper uses `"softmax"`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real; real tokens must
            precede padding.
        keys: the result of `project(memory)`.
        state: the slots `[B, S, width]`, the weights `[B, S]` of the read head and the weights
            `[B, S]` of the write head, all float32.

    Returns:
        `(context, alignment)`: `[B, width]` and `[B, S]`, or `[B, T, width]` and `[B, T, S]`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import ExternalMemoryAttention
    >>> attention = ExternalMemoryAttention(4)
    >>> query, memory = np.ones((2, 7, 6), "float32"), np.ones((2, 5, 8), "float32")
    >>> context, alignment = attention(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 4), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1410.5401
    """

    recurrent = True

    def __init__(self, width: int, *, reach: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = checked_units(width, "width")
        self.reach = checked_units(reach, "reach")

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the projection of the initial slots, and both heads."""
        addressed = self.width + 3 + 2 * self.reach + 1
        self.slot_projection = self._built(self.width, "slot_projection", memory_shape)
        self.read_head = self._built(addressed, "read_head", query_shape)
        self.write_head = self._built(addressed + 2 * self.width, "write_head", query_shape)
        self.built = True

    def _built(self, units: int, name: str, shape: Any) -> MatrixDense:
        layer = self._dense(units, name, use_bias=True)
        layer.build((None, None, shape[-1]))
        return layer

    def project(self, memory: Tensor) -> Tensor:
        """Return a placeholder `[B, S, 1]`: queries are compared with the slots, which change."""
        self._check_built()
        return super().project(memory[:, :, :1])

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Slots:
        """Return the initial slots, and weights of both heads that are 1 at the last real slot."""
        self._check_built()
        slots = _as_float32(self.slot_projection(memory))
        real = ops.ones_like(slots[:, :, 0]) if memory_mask is None else _as_float32(memory_mask)
        last = _last(real)
        return slots * ops.expand_dims(real, -1), last, last

    def state_structure(self) -> Any:
        """Return the nesting of the state, with a 0 for each tensor."""
        return 0, 0, 0

    def context_width(self, memory_width: int) -> int:
        """Return the width of the context, which is the width of a slot."""
        return self.width

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        slots, read, written = map_state(_as_float32, state)
        outputs = _as_float32(self.write_head(query))
        addressed = self.read_head.units
        address, erased, added = ops.split(outputs, [addressed, addressed + self.width], axis=-1)
        written = self._address(address, slots, written, mask)
        weights = ops.expand_dims(written, -1)
        slots = slots * (1 - weights * ops.expand_dims(ops.sigmoid(erased), 2))
        slots = slots + weights * ops.expand_dims(added, 2)
        read = self._address(_as_float32(self.read_head(query)), slots, read, mask)
        context = ops.squeeze(ops.matmul(ops.expand_dims(read, 2), slots), 2)
        context, alignment = (ops.cast(each, self.compute_dtype) for each in (context, read))
        return context, alignment, (slots, read, written)

    def _address(self, outputs: Tensor, slots: Tensor, previous: Tensor, mask: Any) -> Tensor:
        """Return the weights `[B, N, S]` of a head.

        Args:
            outputs: the head's projection of the query, `[B, N, width + 3 + 2 * reach + 1]`.
            slots: `[B, N, S, width]`.
            previous: the weights of the head at the previous step, `[B, N, S]`.
            mask: `[B, 1, S]`, or None.
        """
        cuts = [self.width + place for place in range(4)]
        key, beta, gate, gamma, shifts = ops.split(outputs, cuts, axis=-1)
        scores = ops.softplus(beta) * _cosine(ops.expand_dims(key, 2), slots)
        gate = ops.sigmoid(gate)
        gated = gate * self._weigh(scores, mask) + (1 - gate) * previous
        real = ops.ones_like(gated) if mask is None else _as_float32(mask)
        shifted = self._shift(gated, ops.softmax(shifts, axis=-1), real)
        return _sharpen(shifted, 1 + ops.softplus(gamma), real)

    def _shift(self, weights: Tensor, shifts: Tensor, real: Tensor) -> Tensor:
        """Shift weights in the circle of real slots.

        Args:
            weights: `[B, N, S]`.
            shifts: probabilities `[B, N, 2 * reach + 1]` of each shift, from `-reach` to `reach`.
            real: 1 at real slots, 0 at padding.
        """
        shifts = ops.split(shifts, 2 * self.reach + 1, axis=-1)
        shifted, back, ahead = shifts[self.reach] * weights, weights, weights
        for step in range(1, self.reach + 1):
            back, ahead = _one_back(back, real), _one_ahead(ahead, real)
            shifted = shifted + shifts[self.reach - step] * back + shifts[self.reach + step] * ahead
        return shifted


def _as_float32(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def _cosine(key: Tensor, slots: Tensor) -> Tensor:
    """Return the cosine similarity `[B, N, S]` of each slot and the key `[B, N, 1, W]`."""
    squares = _squared_length(key) * _squared_length(slots)
    return ops.sum(key * slots, axis=-1) * ops.rsqrt(squares + TINY)


def _squared_length(x: Tensor) -> Tensor:
    return ops.sum(ops.square(x), axis=-1)


def _first(real: Tensor) -> Tensor:
    """Return 1 at the first real slot and 0 elsewhere."""
    preceding = ops.concatenate([ops.zeros_like(real[..., :1]), real[..., :-1]], -1)
    return real * (1 - preceding)


def _last(real: Tensor) -> Tensor:
    """Return 1 at the last real slot and 0 elsewhere."""
    following = ops.concatenate([real[..., 1:], ops.zeros_like(real[..., :1])], -1)
    return real * (1 - following)


def _one_ahead(weights: Tensor, real: Tensor) -> Tensor:
    """Shift each weight one slot ahead, and the weight of the last real slot to the first."""
    rolled = ops.concatenate([weights[..., -1:], weights[..., :-1]], -1)
    outside = ops.sum(rolled * (1 - real), axis=-1, keepdims=True)
    return rolled * real + outside * _first(real)


def _one_back(weights: Tensor, real: Tensor) -> Tensor:
    """Shift each weight one slot back, and the weight of the first slot to the last real one."""
    rolled = ops.concatenate([weights[..., 1:], weights[..., :1]], -1)
    outside = ops.sum(rolled * (1 - real), axis=-1, keepdims=True)
    return rolled * real + outside * _last(real)


def _sharpen(weights: Tensor, gamma: Tensor, real: Tensor) -> Tensor:
    """Return `w^gamma`, normalised; zeros if no slot is real."""
    logs = ops.log(ops.maximum(weights, TINY))
    # Subtract the largest logarithm, so that the powers cannot all underflow.
    powers = ops.exp(gamma * (logs - ops.max(logs, axis=-1, keepdims=True))) * real
    return powers / ops.maximum(ops.sum(powers, axis=-1, keepdims=True), TINY)
