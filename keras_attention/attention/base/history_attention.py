"""What the additive mechanisms that see their own earlier weights share."""

from typing import Any

from keras import ops

from keras_attention.attention.bahdanau_attention import BahdanauAttention
from keras_attention.attention.base.attention_mechanism import Tensor


class HistoryAttention(BahdanauAttention):
    """Base class: `score = v . tanh(W q + U k + F f + b)`, `f` of where it looked before.

    The state is the history, one number a source position, float32 `[B, S]`, which starts at
    zero. A subclass says what features the history has, `_features` and `_feature_width`, and how
    a step's weights enter it, `_remember`.

    Args:
        units: width `U` of the small network, a positive integer.
        **kwargs: as `BahdanauAttention` takes them; `normalize` too.
    """

    recurrent = True
    _feature_width = 1

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        # Where the score is normed, it has its own `b`.
        self.history_projection = self._dense(
            units, "history_projection", use_bias=not self.normalize
        )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Makes `F` and `b` beside what Bahdanau's score has."""
        self.history_projection.build((None, None, None, self._feature_width))
        super().build(query_shape, memory_shape)

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        """Zeros `[B, S]`: it has not looked anywhere."""
        return ops.zeros_like(memory[..., 0], dtype="float32")

    def state_structure(self) -> Any:
        """One tensor."""
        return 0

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        history = self.history_projection(self._features(state))
        alignment = self._weigh(self._read(self._sum(query, keys) + history), mask)
        state = self._remember(state, ops.cast(alignment, "float32"), memory)
        return ops.matmul(alignment, memory), alignment, state

    def _features(self, history: Tensor) -> Tensor:
        """Features `[B, N, S, _feature_width]` of the history `[B, N, S]`; by default itself."""
        return ops.expand_dims(ops.cast(history, self.compute_dtype), -1)

    def _remember(self, history: Tensor, alignment: Tensor, memory: Tensor) -> Tensor:
        """The next history `[B, N, S]`, of this one and this step's weights, both float32."""
        raise NotImplementedError(f"{type(self).__name__} must define `_remember`.")
