"""Monotonic attention (Raffel et al., 2017)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.attention.base.content_attention import ContentAttention
from keras_attention.attention.base.rules import check_own_mapping


@keras.saving.register_keras_serializable(package="keras_attention")
class MonotonicAttention(ContentAttention):
    """Attention that only moves forward (Raffel et al. 2017).

    Each step starts at the position where the previous one stopped. It moves forward until it stops
    at a position, and attends to that position only. It stops at `s` with the probability
    `p_s = sigmoid(energy_s)`, where `energy_s = content score + r` and `r` is a learnt scalar
    (equation 16; the paper's score is `BahdanauAttention(units, normalize=True)`). The first step
    starts at the first position.

    - In training, the weights are the probabilities of stopping at each position (equations 8 and
      9): `alpha_s = p_s q_s` with `q_s = (1 - p_(s-1)) q_(s-1) + previous alpha_s`. The layer
      computes them in `log2 S` rounds of products, without the division of the paper's formula, so
      probabilities of 0 and 1 are exact. Noise on the energies teaches the model energies that are
      far from zero.
    - In inference, a step stops at the first position with `p_s > 0.5` that is not before the
      previous stop (algorithm 1). If there is none, this step and all later ones have zero weights.

    Args:
        content: the mechanism that scores; its mapping must be `"softmax"`, which is not used.
        noise: standard deviation of the Gaussian noise in training, not negative. Default 1.
        initial_bias: initial value of `r`. Default -1. With a negative value, an untrained model
            tends to move on instead of stopping.
        seed: seed of the noise. Default `None`: a random seed.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`.
        state: the previous step's weights, float32 `[B, S]`.
        training: whether to return expected weights, as in training. Default `False`.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state. The weights of a step sum to at most 1.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` does more than define a score or has a different mapping, or if
            `noise` is negative.

    Example:
    >>> import numpy as np
    >>> from keras_attention import LuongAttention, MonotonicAttention
    >>> attention = MonotonicAttention(LuongAttention("dot"))
    >>> query, memory = np.eye(3, dtype="float32")[None, ::2], 2 * np.eye(3, dtype="float32")[None]
    >>> np.asarray(attention(query, memory)[1])[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]

    Reference:
        https://arxiv.org/abs/1704.00784
    """

    recurrent = True

    def __init__(
        self,
        content: AttentionMechanism,
        *,
        noise: float = 1.0,
        initial_bias: float = -1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(content, **kwargs)
        check_own_mapping(content.mapping)
        if not noise >= 0:
            raise ValueError(f"`noise` must not be negative. Received: noise={noise!r}.")
        self.noise = noise
        self.initial_bias = initial_bias
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights of the score, and `r`."""
        start = keras.initializers.Constant(self.initial_bias)
        self.r = self.add_weight(shape=(), initializer=start, name="r")
        super().build(query_shape, memory_shape)

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        """Return weights `[B, S]` that are 1 at the first position."""
        first = ops.cast(ops.equal(ops.arange(ops.shape(memory)[1]), 0), "float32")
        return ops.zeros_like(memory[..., 0], dtype="float32") + first

    def state_structure(self) -> Any:
        """Return the nesting of the state: one tensor."""
        return 0

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        stops = self._stops(query, keys, self._visible(memory, mask), training)
        stopped = _expected(stops, state) if training else _first(stops, state)
        alignment = ops.cast(self._spread(stopped, query, keys, memory, mask), memory.dtype)
        return ops.matmul(alignment, memory), alignment, stopped

    def _stops(self, query: Tensor, keys: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        """Return float32 `[B, N, S]`: stopping probabilities in training, else zeros and ones."""
        scores = self._scores(query, keys, mask)
        energy = ops.cast(scores, "float32") + ops.cast(self.r, "float32")
        if training and self.noise:
            shape = ops.shape(energy)
            energy += self.noise * keras.random.normal(shape, seed=self.seed_generator)
        stops = ops.sigmoid(energy) if training else ops.cast(energy > 0, "float32")
        return stops if mask is None else stops * ops.cast(mask, "float32")

    def _spread(
        self, stopped: Tensor, query: Tensor, keys: Tensor, memory: Tensor, mask: Tensor | None
    ) -> Tensor:
        """Convert the weights `[B, N, S]` of stopping to the alignment; here they are the same."""
        return stopped


def _first(stops: Tensor, previous: Tensor) -> Tensor:
    """Return 1 at the first stop that is not before the previous one, and 0 elsewhere."""
    ahead = stops * ops.cumsum(previous, axis=-1)
    return ahead * ops.cast(ops.cumsum(ahead, axis=-1) < 1.5, "float32")


def _expected(stops: Tensor, previous: Tensor) -> Tensor:
    """Return the probability that a step stops at each position, float32 `[B, N, S]`.

    Args:
        stops: the probability of stopping at a position once it is reached, `[B, N, S]`.
        previous: the result for the previous step, `[B, N, S]`.
    """
    size = ops.shape(stops)[-1]
    positions = ops.arange(size)

    def back(x: Tensor, by: Any) -> Tensor:
        """Return the values `by` positions earlier."""
        return ops.where(positions >= by, ops.roll(x, by, axis=-1), 0.0)

    def double(by: Any, reached: Tensor, passed: Tensor) -> tuple[Any, Tensor, Tensor]:
        """Double the number of previous positions that `reached` sums over."""
        return 2 * by, reached + passed * back(reached, by), passed * back(passed, by)

    loop = 1, previous, back(1.0 - stops, 1)
    if isinstance(size, int):
        while loop[0] < size:
            loop = double(*loop)
    else:
        # XLA needs a bound on the iterations to store the values for the gradient.
        doublings = ops.sum(ops.cast(2 ** ops.arange(31) < size, "int32"))
        loop = ops.while_loop(lambda by, *_: by < size, double, loop, maximum_iterations=doublings)
    return stops * loop[1]
