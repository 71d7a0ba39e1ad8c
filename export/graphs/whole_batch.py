"""A model whose search is one loop over all sources, for runtimes that run nested loops slowly."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from .named_memory import Model


class WholeMemory(NamedTuple):
    """The memory of all sources; it has no `take`, so search drops no source that has ended.

    Attributes:
        memory: the model's own memory.
    """

    memory: Any

    @property
    def mask(self) -> tf.Tensor:
        """The mask `[B, S]`, True where the source token is real."""
        return self.memory.mask


class WholeBatch:
    """A model that makes `search` run all sources until the last one has ended.

    The usual search drops sources that have ended, which takes nested loops. In onnxruntime, a
    batch of nine texts takes half as long without these loops in greedy search, and a quarter as
    long with a beam of 3.

    Args:
        model: the model; all other attributes are the attributes of this model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model."""
        return getattr(self._model, name)

    def encode(self, source: tf.Tensor) -> tuple[WholeMemory, Any]:
        """Encode sources as the model does, with a memory of the whole batch."""
        memory, state = self._model.encode(source)
        return WholeMemory(memory), state

    def step(
        self, tokens: tf.Tensor, state: Any, memory: WholeMemory
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Run one decoder step of the model."""
        found: tuple[tf.Tensor, Any, tf.Tensor] = self._model.step(tokens, state, memory.memory)
        return found
