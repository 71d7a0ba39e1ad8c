"""The loop of every search, which leaves behind the sources whose outputs have ended."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_attention.decoding.hypotheses import Tensor, map_tensors

Advance = Callable[[Tensor, Any, Any, Any], tuple[Any, Any]]
"""`live, history = advance(t, live, history, memory)`: step `t` of `R` sources."""

Finished = Callable[[Any], Tensor]
"""Of `live`, which of its `R` sources have ended, `[R]`."""


def run_steps(
    advance: Advance,
    finished: Finished,
    live: Any,
    history: Any,
    memory: Any,
    *,
    max_length: int,
    drop: bool = True,
) -> tuple[Tensor, Any, Any]:
    """Advances until every source has ended.

    Where the number of sources is left open, as in the graphs that serve batches of any size, the
    sources that have ended are dropped as soon as they are half of those left: a step costs by
    the row. Where it is fixed every step has all rows.

    Args:
        advance: one step.
        finished: which sources have ended. What `advance` writes of these must be what `history`
            holds at first or must not be read, and must leave their `live` as it is.
        live: what a step changes: nested tensors `[B, ...]`.
        history: what it writes: nested tensors `[T, B, ...]`.
        memory: what it reads, of `B` sources; its `take(rows)` is that of some of them. Without
            one all stay.
        max_length: steps at most.
        drop: whether sources may be dropped.

    Returns:
        The number of steps, and `live` and `history` of all sources.
    """
    if drop and memory.mask.shape[0] is None and hasattr(memory, "take"):
        return _dropping(advance, finished, live, history, memory, max_length)

    def go_on(t: Tensor, live: Any, history: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(finished(live))))

    return ops.while_loop(  # type: ignore[no-any-return]
        go_on,
        lambda t, live, history: (t + 1, *advance(t, live, history, memory)),
        (ops.convert_to_tensor(0, "int32"), live, history),
    )


def _dropping(
    advance: Advance, finished: Finished, live: Any, history: Any, memory: Any, max_length: int
) -> tuple[Tensor, Any, Any]:
    count = ops.shape(memory.mask)[0]
    every = ops.arange(count, dtype="int32")
    # Where a number of rows is known, as a prefix's may be, the loop would hold them to it.
    live = map_tensors(lambda x: ops.take(x, every, axis=0), live)

    def any_left(t: Tensor, rows: Tensor, *_: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.shape(rows)[0] > 0)

    def until_half(
        t: Tensor, rows: Tensor, live: Any, history: Any, memory: Any, results: Any
    ) -> tuple[Any, ...]:
        def enough_left(t: Tensor, live: Any, history: Any) -> Tensor:
            left = ops.sum(ops.cast(ops.logical_not(finished(live)), "int32"))
            return ops.logical_and(t < max_length, left > ops.shape(rows)[0] // 2)

        t, live, history = ops.while_loop(
            enough_left,
            lambda t, live, history: (t + 1, *advance(t, live, history, memory)),
            (t, live, history),
        )
        results = _merged(results, (live, history), rows, count)
        (left,) = ops.nonzero(ops.logical_not(finished(live)))
        left = ops.cast(left, "int32")
        return (
            t,
            ops.take(rows, left),
            map_tensors(lambda x: ops.take(x, left, axis=0), live),
            map_tensors(lambda x: ops.take(x, left, axis=1), history),
            memory.take(left),
            results,
        )

    steps, *_, (live, history) = ops.while_loop(
        any_left,
        until_half,
        (
            ops.convert_to_tensor(0, "int32"),
            every,
            live,
            history,
            memory,
            (live, history),
        ),
    )
    return steps, live, history


def _merged(results: Any, found: Any, rows: Tensor, count: Tensor) -> Any:
    """`(live, history)` of all `count` sources, those of `rows` `[R]` as they were found."""
    none = ops.full((count,), -1, "int32")
    places = ops.scatter_update(none, rows[:, None], ops.arange(ops.shape(rows)[0], dtype="int32"))

    def merge(axis: int) -> Callable[[Tensor, Tensor], Tensor]:
        def of(result: Tensor, new: Tensor) -> Tensor:
            shape = [1] * len(result.shape)
            shape[axis] = -1
            there = ops.reshape(places >= 0, shape)
            return ops.where(there, ops.take(new, ops.maximum(places, 0), axis=axis), result)

        return of

    return tuple(
        map_tensors(merge(axis), result, new)
        for axis, (result, new) in enumerate(zip(results, found, strict=True))
    )
