"""Global attention with a multiplicative, additive or location score (Luong et al., 2015)."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_choice,
    checked_units,
)
from keras_attention.ops.dense import MatrixDense
from keras_attention.ops.loop_products import LoopKernel
from keras_attention.ops.masking import token_places

SCORES = ("dot", "general", "concat", "location")


@keras.saving.register_keras_serializable(package="keras_attention")
class LuongAttention(AttentionMechanism):
    """Global attention with the scores of Luong et al. 2015, equations 7 and 8.

    - `"dot"`: `h . k`; query and memory must have the same width.
    - `"general"`: `h . (W k)`.
    - `"concat"`: `v . tanh(W [h; k])`.
    - `"location"`: row `s` of `W h`, which depends only on the query. `s` counts real tokens, not
      padding. `W` has `max_source_length` rows. A shorter source uses the first rows. In a longer
      source, the tokens beyond these rows get a weight of zero, as in the paper.

    Args:
        score: the score, one of the above. Default `"general"`.
        scale: whether to multiply the score by a learnt factor `g`, which starts at 1. Default
            `False`.
        units: width of the hidden layer of `"concat"`. Default: the width of the query.
        max_source_length: number of rows of `W` for `"location"`, a positive integer. Required for
            that score, and rejected for the others.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the token is real; taken from Keras's
            mask propagation when it is not given.
        keys: the result of `project(memory)`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]`, or `[B, T, M]` and `[B, T, S]`.

    Raises:
        ValueError: if `score` is unknown, if query and memory differ in width for `"dot"`, or if
            `units` or `max_source_length` is invalid for the score.

    Example:
    >>> import numpy as np
    >>> from keras_attention import LuongAttention
    >>> attention = LuongAttention(score="dot", scale=True)
    >>> query, memory = np.ones((2, 7, 6), "float32"), np.ones((2, 5, 6), "float32")
    >>> context, alignment = attention(query, memory)
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 7, 6), (2, 7, 5))

    Reference:
        https://arxiv.org/abs/1508.04025
    """

    def __init__(
        self,
        score: str = "general",
        *,
        scale: bool = False,
        units: int | None = None,
        max_source_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.score = checked_choice(score, "score", SCORES)
        self.scale = scale
        self.units = _only_for("concat", score, "units", units)
        self.max_source_length = _only_for(
            "location", score, "max_source_length", max_source_length
        )
        if score == "location" and max_source_length is None:
            raise ValueError(
                "score='location' requires `max_source_length`, a positive integer. "
                "Received: max_source_length=None."
            )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights of the score."""
        query_width, memory_width = query_shape[-1], memory_shape[-1]
        if self.score == "dot" and query_width != memory_width:
            raise ValueError(
                "score='dot' requires a query and a memory of the same width; use score='general' "
                "if they differ. "
                f"Received: query width {query_width}, memory width {memory_width}."
            )
        if self.score == "general":
            self.key_projection = self._built(query_width, "key_projection", memory_shape)
        elif self.score == "concat":
            units = self.units or query_width
            self.query_projection = self._built(units, "query_projection", query_shape)
            self.key_projection = self._built(units, "key_projection", memory_shape)
            self.v = self._built(1, "v", (None, units))
        elif self.max_source_length is not None:
            self.query_projection = self._built(
                self.max_source_length, "query_projection", query_shape
            )
        if self.scale:
            self.g = self.add_weight(shape=(), initializer="ones", name="g")
        self.built = True

    @property
    def loop_kernels(self) -> list[LoopKernel]:
        """The kernel of the query's projection, if the score has one."""
        return [self.query_projection.loop_kernel] if hasattr(self, "query_projection") else []

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys: `W k` for `"general"` and `"concat"`, the memory itself for others."""
        if self.score in ("general", "concat"):
            self._check_built()
            return self.key_projection(memory)
        return super().project(memory)

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        if self.score == "location":
            places = _places(keys, mask)[:, 0, :, None]
            scores = self._location(query, places)
        else:
            by_content = {"dot": self._dot, "general": self._dot, "concat": self._concat}
            scores = by_content[self.score](query, keys)
        return scores * ops.cast(self.g, scores.dtype) if self.scale else scores

    def _dot(self, query: Tensor, keys: Tensor) -> Tensor:
        return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))

    def _concat(self, query: Tensor, keys: Tensor) -> Tensor:
        projected = ops.expand_dims(self.query_projection(query), 2)
        return ops.squeeze(self.v(ops.tanh(projected + ops.expand_dims(keys, 1))), -1)

    def _location(self, query: Tensor, places: Tensor) -> Tensor:
        """Return the scores of the positions `[B, S, 1]`; 0 from `max_source_length` on."""
        scores = self.query_projection(query)
        chosen = ops.equal(places, ops.arange(scores.shape[-1], dtype=places.dtype))
        return ops.matmul(scores, ops.transpose(ops.cast(chosen, scores.dtype), (0, 2, 1)))

    def _visible(self, memory: Tensor, mask: Tensor | None) -> Tensor | None:
        """Mask the positions from `max_source_length` on."""
        if self.score != "location":
            return mask
        reach = _places(memory, mask) < self.max_source_length
        return reach if mask is None else ops.logical_and(mask, reach)

    def _built(self, units: int, name: str, shape: Any) -> MatrixDense:
        layer = self._dense(units, name)
        layer.build(shape)
        return layer


def _places(memory: Tensor, mask: Tensor | None) -> Tensor:
    """Return each token's position among the real tokens, int32 `[B, 1, S]`, or `[1, 1, S]`."""
    if mask is None:
        return ops.arange(ops.shape(memory)[1], dtype="int32")[None, None]
    return token_places(mask)


def _only_for(owner: str, score: str, name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if score != owner:
        raise ValueError(
            f"`{name}` requires score={owner!r}. Received: {name}={value!r}, score={score!r}."
        )
    return checked_units(value, name)
