"""Greedy search: choose the most likely token at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.constraints import (
    Constraints,
    carried_prefix,
    constrain,
    first_nodes,
)
from keras_attention.decoding.hypotheses import Hypotheses, Step, Tensor, write_step
from keras_attention.decoding.loop import Advance, run_steps
from keras_attention.decoding.top_tokens import top_tokens
from keras_attention.ops.indexing import take_places
from keras_attention.ops.ordering import largest
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

Choose = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`gains, tokens = choose(t, plain, adjusted)`.

`plain` and `adjusted` are `[B, V]`; `gains` and `tokens` are `[B, 1]`.
"""


class Live(NamedTuple):
    """The tensors `[B, ...]` that a step updates."""

    tokens: Tensor
    scores: Tensor
    finished: Tensor
    state: Any
    prefix: Tensor  # or `()`
    node: Tensor  # in the automaton of the constraints, or `()`


def greedy_search(
    step: Step,
    state: Any,
    memory: Any,
    *,
    max_length: int,
    constraints: Constraints | None = None,
) -> Hypotheses:
    """Choose the most likely token at every step, until every hypothesis has ended.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state.
        memory: the memory that `step` attends to, a `Memory` of `B` sources of `S` steps.
        max_length: largest number of steps, including the end token; a positive integer.
        constraints: constraints on `B` hypotheses, or None.

    Returns:
        `Hypotheses` with one hypothesis per source.
    """
    return extend(step, state, memory, None, max_length=max_length, constraints=constraints)


def extend(
    step: Step,
    state: Any,
    memory: Any,
    choose: Choose | None,
    *,
    per_source: int = 1,
    max_length: int,
    constraints: Constraints | None,
) -> Hypotheses:
    """Append a token to every hypothesis at each step, until all have ended.

    Args:
        step: as for `greedy_search`.
        state: the first state, of `B * per_source` hypotheses.
        memory: the memory that `step` attends to, of `B` sources.
        choose: the function that chooses tokens. It receives all hypotheses at every step, so that
            hypotheses that have ended are not dropped. None chooses the most likely token.
        per_source: number of hypotheses per source.
        max_length: largest number of steps.
        constraints: constraints on `B * per_source` hypotheses, or None.

    Returns:
        `Hypotheses` of `B * per_source` rows with one hypothesis each.
    """
    live, history = first_step(
        state, memory, per_source=per_source, max_length=max_length, constraints=constraints
    )
    _, live, (tokens, alignments) = run_steps(
        make_advance(step, choose, constraints),
        lambda live: live.finished,
        live,
        history,
        memory,
        max_length=max_length,
        drop=choose is None,
    )
    return Hypotheses(
        ops.expand_dims(ops.transpose(tokens, (1, 0)), 1),
        ops.expand_dims(live.scores, 1),
        ops.expand_dims(ops.transpose(alignments, (1, 0, 2)), 1),
    )


def first_step(
    state: Any,
    memory: Any,
    *,
    per_source: int = 1,
    max_length: int,
    constraints: Constraints | None,
) -> tuple[Live, tuple[Tensor, Tensor]]:
    """Return the inputs of the first step of `make_advance`; for the arguments see `extend`.

    Returns:
        The tensors that a step updates, and the tokens `[T, N]` and alignments `[T, N, S]` that it
        writes to, for `N = B * per_source` hypotheses.
    """
    batch, source_steps = ops.shape(memory.mask)[0] * per_source, ops.shape(memory.mask)[1]
    live = Live(
        ops.full((batch,), START_ID, "int32"),
        ops.zeros((batch,), "float32"),
        ops.zeros((batch,), "bool"),
        state,
        carried_prefix(constraints),
        first_nodes(constraints, (batch,)),
    )
    history = (
        ops.zeros((max_length, batch), "int32"),
        ops.zeros((max_length, batch, source_steps), "float32"),
    )
    return live, history


def make_advance(step: Step, choose: Choose | None, constraints: Constraints | None) -> Advance:
    """Return the function that appends a token to every hypothesis; for the arguments see `extend`.

    Returns:
        `live, history = advance(t, live, history, memory)`, for `run_steps` or for a program that
        reads each token as soon as it is chosen.
    """

    def advance(t: Tensor, live: Live, history: Any, memory: Any) -> tuple[Live, Any]:
        logits, state, alignment = step(live.tokens, live.state, memory)
        if choose is None and constraints is None:
            chosen = top_tokens(logits, 1)
        else:
            track_tokens = constraints is not None and constraints.need_history
            generated = ops.transpose(history[0], (1, 0)) if track_tokens else ()
            plain, adjusted = constrain(constraints, logits, t, generated, live.prefix, live.node)
            chosen = (choose or _best_adjusted)(t, plain, adjusted)
        gains, best = (ops.squeeze(each, -1) for each in chosen)
        best = ops.cast(best, "int32")
        tokens = ops.where(live.finished, PAD_ID, best)
        weights = ops.where(live.finished[:, None], 0.0, ops.cast(alignment, "float32"))
        live = Live(
            tokens,
            live.scores + ops.where(live.finished, 0.0, gains),
            ops.logical_or(live.finished, ops.equal(best, END_ID)),
            state,
            live.prefix,
            () if constraints is None else constraints.follow(live.node, tokens),
        )
        return live, (write_step(history[0], t, tokens), write_step(history[1], t, weights))

    return advance


def _best_adjusted(t: Tensor, plain: Tensor, adjusted: Tensor) -> tuple[Tensor, Tensor]:
    _, best = largest(adjusted, 1)
    return take_places(plain, best), best
