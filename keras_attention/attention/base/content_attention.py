"""The base class of mechanisms that use the score of another mechanism."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.ops.loop_products import LoopKernel


class ContentAttention(AttentionMechanism):
    """Base class of mechanisms that use the keys, scores and mapping of a mechanism `content`.

    Args:
        content: a mechanism that only defines a score: it is not recurrent and does not override
            `_attend`.
        **kwargs: the arguments of every mechanism, except `mapping`, which is taken from `content`.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` does more than define a score.
    """

    def __init__(self, content: AttentionMechanism, **kwargs: Any) -> None:
        self._check_content(content, "content")
        super().__init__(mapping=content.mapping, **kwargs)
        self.content = content

    @staticmethod
    def _check_content(content: Any, name: str) -> None:
        if not isinstance(content, AttentionMechanism):
            raise TypeError(
                f"`{name}` must be an AttentionMechanism, such as BahdanauAttention(256). "
                f"Received: {name}={content!r}."
            )
        # A mechanism that overrides `_attend` does more than define a score.
        overridden = type(content)._attend is not AttentionMechanism._attend
        if content.recurrent or overridden:
            raise ValueError(
                f"`{name}` must be a mechanism that only defines a score, such as "
                f"BahdanauAttention or LuongAttention. Received: a {type(content).__name__}."
            )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights of the score."""
        if not self.content.built:
            self.content.build(query_shape, memory_shape)
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys of the score."""
        self._check_built()
        return self.content.project(memory)

    @property
    def loop_kernels(self) -> Sequence[LoopKernel]:
        """The kernels of the score."""
        return self.content.loop_kernels

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        return self.content._scores(query, keys, mask)

    def _visible(self, memory: Tensor, mask: Tensor | None) -> Tensor | None:
        return self.content._visible(memory, mask)

    def _weigh(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        return self.content._weigh(scores, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments of this layer."""
        config = super().get_config()
        del config["mapping"]
        return config


def key_width(content: AttentionMechanism, memory_width: int) -> int:
    """Return the width of a built mechanism's keys for a memory of width `memory_width`."""
    memory = keras.KerasTensor((None, None, memory_width), content.compute_dtype)
    return int(content.project(memory).shape[-1])
