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

    From where it stands, it passes positions by until it stops at one, which alone it attends to.
    It stops at `s` with probability `p_s = sigmoid(energy_s)`, `energy_s = content score + r`, `r`
    a learnt number (equation 16; the paper's score is `BahdanauAttention(units, normalize=True)`).

    - In training the weights are the probabilities of having stopped there (equations 8 and 9),
      `alpha_s = p_s q_s`, `q_s = (1 - p_(s-1)) q_(s-1) + previous alpha_s`, computed in
      `log2 S` passes of products, without the paper's quotients, so that probabilities of 0 and 1
      are exact. Noise is added to the energies, that they learn to be far from zero.
    - Otherwise it stops at the first position not before the previous one where `p_s > 0.5`
      (algorithm 1). Where there is none, it attends to nothing, then and at every later step.

    It begins at the first position.

    Args:
        content: the mechanism that scores, of mapping `"softmax"`, which is not used.
        noise: standard deviation of the Gaussian noise of training, not negative. Default 1.
        initial_bias: what `r` starts at. Default -1: below zero, so that it passes by at first.
        seed: seed of the noise; `None` draws one.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: `project(memory)` of an earlier call.
        state: the previous step's weights, float32 `[B, S]`.
        training: whether the weights are the expected ones.
        return_state: whether the next state is returned too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`; with
        `return_state` also the next state. The weights of a step sum to at most 1.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` is no score or maps otherwise, or if `noise` is negative.

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
        """Makes the score's weights and `r`."""
        start = keras.initializers.Constant(self.initial_bias)
        self.r = self.add_weight(shape=(), initializer=start, name="r")
        super().build(query_shape, memory_shape)

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        """All weight at the first position, `[B, S]`."""
        first = ops.cast(ops.equal(ops.arange(ops.shape(memory)[1]), 0), "float32")
        return ops.zeros_like(memory[..., 0], dtype="float32") + first

    def state_structure(self) -> Any:
        """One tensor."""
        return 0

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        stops = self._stops(query, keys, self._visible(memory, mask), training)
        stopped = _expected(stops, state) if training else _first(stops, state)
        alignment = ops.cast(self._spread(stopped, query, keys, memory, mask), memory.dtype)
        return ops.matmul(alignment, memory), alignment, stopped

    def _stops(self, query: Tensor, keys: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        """Float32 `[B, N, S]`: probabilities of stopping in training, otherwise zeros and ones."""
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
        """Weights `[B, N, S]` of having stopped; by default the same."""
        return stopped


def _first(stops: Tensor, previous: Tensor) -> Tensor:
    """The first stop that is not before the previous one, where there is one."""
    ahead = stops * ops.cumsum(previous, axis=-1)
    return ahead * ops.cast(ops.cumsum(ahead, axis=-1) < 1.5, "float32")


def _expected(stops: Tensor, previous: Tensor) -> Tensor:
    """Probabilities of stopping, of those at each position and of where the last step stopped."""
    size = ops.shape(stops)[-1]
    positions = ops.arange(size)

    def back(x: Tensor, by: Any) -> Tensor:
        """Values `by` positions before."""
        return ops.where(positions >= by, ops.roll(x, by, axis=-1), 0.0)

    def double(by: Any, reached: Tensor, passed: Tensor) -> tuple[Any, Tensor, Tensor]:
        """From what arrives from less than `by` positions before to what does from twice that."""
        return 2 * by, reached + passed * back(reached, by), passed * back(passed, by)

    loop = 1, previous, back(1.0 - stops, 1)
    if isinstance(size, int):
        while loop[0] < size:
            loop = double(*loop)
    else:
        # XLA needs a limit of iterations, to store what the gradient reads.
        doublings = ops.sum(ops.cast(2 ** ops.arange(31) < size, "int32"))
        loop = ops.while_loop(lambda by, *_: by < size, double, loop, maximum_iterations=doublings)
    return stops * loop[1]
