"""A memory that the decoder reads and writes (Graves et al., 2014)."""

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
"""A weight, or a squared length, that counts as none."""

Slots = tuple[Tensor, Tensor, Tensor]


@keras.saving.register_keras_serializable(package="keras_attention")
class ExternalMemoryAttention(AttentionMechanism):
    """The heads of a Neural Turing Machine over a memory that starts as the encoder's outputs.

    Every source token has a slot, at first a projection of what the encoder made of it. A step
    first writes, then reads, each where a head of its own points to. From the query a head gets a
    key `k`, its strength `beta`, a gate `g`, shift weights `s` and a sharpness `gamma`; it was at
    `w'` the step before:

    - by content, `w_c = softmax(beta cos(k, M_i))` (equations 5 and 6);
    - or from where it was, `w_g = g w_c + (1 - g) w'` (7);
    - moved by some slots, in a circle of the real ones, `w_s = sum_j s_j w_g(i - j)` (8);
    - sharpened, `w = w_s^gamma / sum w_s^gamma` (9).

    Writing erases and adds, `M_i = M_i (1 - w_i e) + w_i a` (3 and 4). The context is what is
    read, `sum_i w_i M_i` (2), the alignment where. Both heads begin at the last slot, which is in
    a circle the one before the first. What learns to move along may go on beyond the lengths of
    its training. Meant for the placement `"before"`, where the LSTM is the paper's controller.

    Args:
        width: width of a slot, a positive integer.
        reach: a head moves by at most so many slots a step. Default 1.
        mapping: from the likeness of content to weights; the paper's is `"softmax"`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real; real ones stand
            before padding.
        keys: `project(memory)` of an earlier call.
        state: slots `[B, S, width]`, and the weights `[B, S]` of the reading and of the writing
            head, float32.

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
        """Makes the projection of the first slots, and the heads."""
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
        """Next to nothing, `[B, S, 1]`: queries are compared with the slots, which change."""
        self._check_built()
        return super().project(memory[:, :, :1])

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Slots:
        """The slots before anything is written, and both heads at the last one."""
        self._check_built()
        slots = _as_float32(self.slot_projection(memory))
        real = ops.ones_like(slots[:, :, 0]) if memory_mask is None else _as_float32(memory_mask)
        last = _last(real)
        return slots * ops.expand_dims(real, -1), last, last

    def state_structure(self) -> Any:
        """The nesting of the state, with a 0 for each tensor."""
        return 0, 0, 0

    def context_width(self, memory_width: int) -> int:
        """Width of the context: that of a slot."""
        return self.width

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        slots, read, written = map_state(_as_float32, state)
        made = _as_float32(self.write_head(query))
        addressed = self.read_head.units
        address, erased, added = ops.split(made, [addressed, addressed + self.width], axis=-1)
        written = self._address(address, slots, written, mask)
        weights = ops.expand_dims(written, -1)
        slots = slots * (1 - weights * ops.expand_dims(ops.sigmoid(erased), 2))
        slots = slots + weights * ops.expand_dims(added, 2)
        read = self._address(_as_float32(self.read_head(query)), slots, read, mask)
        context = ops.squeeze(ops.matmul(ops.expand_dims(read, 2), slots), 2)
        outputs = (ops.cast(each, self.compute_dtype) for each in (context, read))
        return (*outputs, (slots, read, written))

    def _address(self, made: Tensor, slots: Tensor, before: Tensor, mask: Any) -> Tensor:
        """Weights `[B, N, S]` of a head that was at `before`."""
        cuts = [self.width + place for place in range(4)]
        key, beta, gate, gamma, shifts = ops.split(made, cuts, axis=-1)
        likeness = ops.softplus(beta) * _cosine(ops.expand_dims(key, 2), slots)
        gate = ops.sigmoid(gate)
        gated = gate * self._weigh(likeness, mask) + (1 - gate) * before
        real = ops.ones_like(gated) if mask is None else _as_float32(mask)
        moved = self._moved(gated, ops.softmax(shifts, axis=-1), real)
        return _sharpened(moved, 1 + ops.softplus(gamma), real)

    def _moved(self, weights: Tensor, shifts: Tensor, real: Tensor) -> Tensor:
        """Weights by how much they move back, stay or move ahead, in this order."""
        shifts = ops.split(shifts, 2 * self.reach + 1, axis=-1)
        moved, back, ahead = shifts[self.reach] * weights, weights, weights
        for step in range(1, self.reach + 1):
            back, ahead = _one_back(back, real), _one_ahead(ahead, real)
            moved = moved + shifts[self.reach - step] * back + shifts[self.reach + step] * ahead
        return moved


def _as_float32(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def _cosine(key: Tensor, slots: Tensor) -> Tensor:
    """The cosine `[B, N, S]` of each slot's angle with the key `[B, N, 1, W]`."""
    lengths = _squares(key) * _squares(slots)
    return ops.sum(key * slots, axis=-1) * ops.rsqrt(lengths + TINY)


def _squares(x: Tensor) -> Tensor:
    return ops.sum(ops.square(x), axis=-1)


def _first(real: Tensor) -> Tensor:
    """1 at the first real slot, which comes after padding or after nothing; else 0."""
    preceding = ops.concatenate([ops.zeros_like(real[..., :1]), real[..., :-1]], -1)
    return real * (1 - preceding)


def _last(real: Tensor) -> Tensor:
    """1 at the last real slot, which is followed by padding or by nothing; else 0."""
    following = ops.concatenate([real[..., 1:], ops.zeros_like(real[..., :1])], -1)
    return real * (1 - following)


def _one_ahead(weights: Tensor, real: Tensor) -> Tensor:
    """Each weight one slot on; that of the last real slot is the first's."""
    rolled = ops.concatenate([weights[..., -1:], weights[..., :-1]], -1)
    beyond = ops.sum(rolled * (1 - real), axis=-1, keepdims=True)
    return rolled * real + beyond * _first(real)


def _one_back(weights: Tensor, real: Tensor) -> Tensor:
    """Each weight one slot back; that of the first is the last real slot's."""
    rolled = ops.concatenate([weights[..., 1:], weights[..., :1]], -1)
    beyond = ops.sum(rolled * (1 - real), axis=-1, keepdims=True)
    return rolled * real + beyond * _last(real)


def _sharpened(weights: Tensor, gamma: Tensor, real: Tensor) -> Tensor:
    """`w^gamma`, normalised; zeros where nothing is real."""
    logs = ops.log(ops.maximum(weights, TINY))
    # Measured from the largest, so that no power of all of them is too small for a float.
    powers = ops.exp(gamma * (logs - ops.max(logs, axis=-1, keepdims=True))) * real
    return powers / ops.maximum(ops.sum(powers, axis=-1, keepdims=True), TINY)
