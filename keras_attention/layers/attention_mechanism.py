"""What every attention mechanism shares: keys, masked softmax and the context vector."""

from typing import Any

import keras
from keras import ops

from keras_attention.masking import masked_softmax

Tensor = Any


class AttentionMechanism(keras.layers.Layer):
    """Base class: `context = sum_s alignment_s * memory_s`, `alignment = softmax(score)`.

    A new mechanism overrides `_score(query, keys)`, and `project(memory)` where its keys are not
    the memory itself. Nothing is kept on the layer between calls: a decoder's loop calls
    `keys = mechanism.project(memory)` once and passes them to every step.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`. One step may be that of
            `K` hypotheses a source, `[B * K, D]`, which share its memory.
        memory: float tensor `[B, S, M]`, the encoder's outputs.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real. Taken from
            Keras's mask propagation when it is not given.
        keys: `project(memory)` of an earlier call, `[B, S, U]`; computed when it is not given.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]` for one step (`B * K` rows for hypotheses),
        `[B, T, M]` and `[B, T, S]` for all steps. A row of memory that is all padding gets zero
        weights and a zero context.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Makes the weights from the shapes `[..., D]` of the query and `[B, S, M]` of memory."""
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Keys `[B, S, U]` of `memory` `[B, S, M]`: what queries are compared with."""
        return ops.cast(memory, self.compute_dtype)

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attends from `query` to `memory`; see the class for shapes."""
        one_step = len(query.shape) == 2
        queries = _by_source(query, memory) if one_step else query
        scores = self._score(queries, self.project(memory) if keys is None else keys)
        mask = None if memory_mask is None else ops.expand_dims(memory_mask, 1)
        alignment = masked_softmax(scores, mask)
        context = ops.matmul(alignment, memory)
        if one_step:
            rows = ops.shape(query)[0]
            return tuple(ops.reshape(x, (rows, ops.shape(x)[-1])) for x in (context, alignment))
        return context, alignment

    def _check_built(self) -> None:
        """Keys need weights, whose shapes follow from the query too."""
        if not self.built:
            raise ValueError(
                f"`project` needs the weights of {self.name!r}: call the layer on a query and a "
                "memory first, or `build(query_shape, memory_shape)`."
            )

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores `[B, T, S]` of queries `[B, T, D]` against keys `[B, S, U]`."""
        raise NotImplementedError(f"{type(self).__name__} must define `_score(query, keys)`.")

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> tuple[Any, None]:
        """The context keeps the query's mask; the alignment has none."""
        return (mask[0] if isinstance(mask, (list, tuple)) else mask), None

    def compute_output_shape(
        self, query_shape: Any, memory_shape: Any
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """Shapes of the context and of the alignment."""
        steps = tuple(query_shape[:-1])
        return (*steps, memory_shape[-1]), (*steps, memory_shape[1])


def _by_source(query: Tensor, memory: Tensor) -> Tensor:
    """One step's queries `[B * K, D]` as `[B, K, D]`, beside the memory that they share."""
    if query.shape[0] is not None and query.shape[0] == memory.shape[0]:
        return ops.expand_dims(query, 1)
    sources = ops.shape(memory)[0]
    # Of no source there is no hypothesis. JAX reshapes to numbers alone, which are static there.
    least_one = max(sources, 1) if isinstance(sources, int) else ops.maximum(sources, 1)
    copies = ops.shape(query)[0] // least_one
    return ops.reshape(query, (sources, copies, query.shape[-1]))


def checked_units(units: Any, name: str = "units") -> int:
    """`units` itself if it is a positive integer, otherwise a ValueError that names it."""
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={units!r}.")
    return units


def checked_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """`value` itself if it is one of `choices`, otherwise a ValueError that lists them."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {listed}. Received: {name}={value!r}.")
    return str(value)


def checked_rate(rate: float, name: str = "dropout") -> float:
    """`rate` itself if it is in [0, 1), otherwise a ValueError that names it."""
    if not 0 <= rate < 1:
        raise ValueError(f"`{name}` must be in [0, 1). Received: {name}={rate!r}.")
    return rate
