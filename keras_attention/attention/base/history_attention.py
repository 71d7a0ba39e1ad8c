"""The base class of additive mechanisms whose score uses their own earlier weights."""

from typing import Any

from keras import ops

from keras_attention.attention.bahdanau_attention import BahdanauAttention
from keras_attention.attention.base.attention_mechanism import Tensor


class HistoryAttention(BahdanauAttention):
    """Base class: `score = v . tanh(W q + U k + F f + b)`, with features `f` of earlier weights.

    The state is the history, one number per source position, float32 `[B, S]`, which starts at
    zero. A subclass defines the features of the history with `_features` and `_feature_width`, and
    updates it with a step's weights in `_remember`.

    Args:
        units: width of the hidden layer, a positive integer.
        **kwargs: the other arguments of `BahdanauAttention`.
    """

    recurrent = True
    _feature_width = 1

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        # With `normalize`, the score already has a bias `b`.
        self.history_projection = self._dense(
            units, "history_projection", use_bias=not self.normalize
        )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create `F`, `b` and the weights of Bahdanau's score."""
        self.history_projection.build((None, None, None, self._feature_width))
        super().build(query_shape, memory_shape)

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        """Return zeros `[B, S]`."""
        return ops.zeros_like(memory[..., 0], dtype="float32")

    def state_structure(self) -> Any:
        """Return the nesting of the state: one tensor."""
        return 0

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        history = self.history_projection(self._features(state))
        alignment = self._weigh(self._score_sums(self._sum(query, keys) + history), mask)
        state = self._remember(state, ops.cast(alignment, "float32"), memory)
        return ops.matmul(alignment, memory), alignment, state

    def _features(self, history: Tensor) -> Tensor:
        """Return features `[B, N, S, _feature_width]` of the history `[B, N, S]`.

        By default, the history itself is the only feature.
        """
        return ops.expand_dims(ops.cast(history, self.compute_dtype), -1)

    def _remember(self, history: Tensor, alignment: Tensor, memory: Tensor) -> Tensor:
        """Return the next history `[B, N, S]` from the current one and this step's weights."""
        raise NotImplementedError(f"{type(self).__name__} must define `_remember`.")
