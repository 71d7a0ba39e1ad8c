"""The loop over steps of every search, which drops sources whose outputs have ended."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_attention.decoding.hypotheses import Tensor, map_tensors

Advance = Callable[[Tensor, Any, Any, Any], tuple[Any, Any]]
"""`live, history = advance(t, live, history, memory)`: run step `t` of `R` sources."""

Finished = Callable[[Any], Tensor]
"""`ended = finished(live)`: True for each of `R` sources that has ended, `[R]`."""


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
    """Run steps until every source has ended.

    In a graph for batches of any size, the sources that have ended are dropped when half of the
    remaining sources have ended, because the cost of a step grows with its rows. If the batch size
    is fixed, every step runs all rows.

    Args:
        advance: the function that runs one step.
        finished: the function that returns which sources have ended. For these, `advance` must not
            change `live`. It may write to `history` only the initial values of `history`, or
            values that are never read.
        live: the tensors that a step updates, nested, `[B, ...]`.
        history: the tensors that a step writes to, nested, `[T, B, ...]`.
        memory: the memory of `B` sources. Its `take(rows)` returns the memory of some sources. If
            `memory` has no such method, no source is dropped.
        max_length: largest number of steps.
        drop: whether sources may be dropped.

    Returns:
        The number of steps, and `live` and `history` of all sources.
    """
    if drop and memory.mask.shape[0] is None and hasattr(memory, "take"):
        return _run_dropping(advance, finished, live, history, memory, max_length)

    def any_unfinished(t: Tensor, live: Any, history: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(finished(live))))

    return ops.while_loop(  # type: ignore[no-any-return]
        any_unfinished,
        lambda t, live, history: (t + 1, *advance(t, live, history, memory)),
        (ops.convert_to_tensor(0, "int32"), live, history),
    )


def _run_dropping(
    advance: Advance, finished: Finished, live: Any, history: Any, memory: Any, max_length: int
) -> tuple[Tensor, Any, Any]:
    """Run steps in rounds; each round ends when half of its sources have ended."""
    count = ops.shape(memory.mask)[0]
    every = ops.arange(count, dtype="int32")
    # A prefix may have a static number of rows, which would fix the loop's shapes. So hide it.
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
        results = _merge(results, (live, history), rows, count)
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


def _merge(results: Any, found: Any, rows: Tensor, count: Tensor) -> Any:
    """Return the results of all `count` sources, with `found` at the indices `rows` `[R]`."""
    absent = ops.full((count,), -1, "int32")
    found_rows = ops.arange(ops.shape(rows)[0], dtype="int32")
    places = ops.scatter_update(absent, rows[:, None], found_rows)

    def merge(axis: int) -> Callable[[Tensor, Tensor], Tensor]:
        def merge_tensor(result: Tensor, new: Tensor) -> Tensor:
            shape = [1] * len(result.shape)
            shape[axis] = -1
            is_found = ops.reshape(places >= 0, shape)
            return ops.where(is_found, ops.take(new, ops.maximum(places, 0), axis=axis), result)

        return merge_tensor

    return tuple(
        map_tensors(merge(axis), result, new)
        for axis, (result, new) in enumerate(zip(results, found, strict=True))
    )
