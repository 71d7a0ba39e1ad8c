"""What the mechanisms that stand on another's score share."""

from typing import Any

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor


class ContentAttention(AttentionMechanism):
    """Base class: a mechanism around a content-based one, whose keys, scores and mapping it uses.

    Args:
        content: any mechanism that is a score: not recurrent, with `_score(query, keys)`.
        **kwargs: as every layer takes them. There is no `mapping`: that of `content` holds.

    Raises:
        TypeError: if `content` is not a mechanism.
        ValueError: if `content` is no score.
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
        # What attends in a way of its own has more to it than its scores.
        own = type(content)._attend is not AttentionMechanism._attend
        if content.recurrent or own:
            raise ValueError(
                f"`{name}` must be a mechanism that is a score and a mapping, such as "
                f"BahdanauAttention or LuongAttention. Received: a {type(content).__name__}."
            )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Makes the weights of the score."""
        if not self.content.built:
            self.content.build(query_shape, memory_shape)
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Keys of the score."""
        self._check_built()
        return self.content.project(memory)

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        return self.content._scores(query, keys, mask)

    def _visible(self, memory: Tensor, mask: Tensor | None) -> Tensor | None:
        return self.content._visible(memory, mask)

    def _weigh(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        return self.content._weigh(scores, mask)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this layer."""
        config = super().get_config()
        del config["mapping"]
        return config


def key_width(content: AttentionMechanism, memory_width: int) -> int:
    """Width of the keys that a built mechanism makes of a memory `memory_width` wide."""
    memory = keras.KerasTensor((None, None, memory_width), content.compute_dtype)
    return int(content.project(memory).shape[-1])
