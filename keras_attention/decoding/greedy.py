"""Greedy search: the likeliest token at every step."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_attention.decoding.constraints import Constraints, plain_where_possible
from keras_attention.decoding.hypotheses import (
    Hypotheses,
    Step,
    Tensor,
    log_probabilities,
    write_step,
)
from keras_attention.vocabulary import END_ID, PAD_ID, START_ID

Choose = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`gains, tokens = choose(t, plain, adjusted)`, of `[B, V]` two of `[B, 1]`."""


def greedy_search(
    step: Step,
    state: Any,
    memory: Any,
    *,
    max_length: int,
    constraints: Constraints | None = None,
) -> Hypotheses:
    """Takes the likeliest token at every step until every hypothesis has ended.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state.
        memory: what `step` attends to, a `Memory` of `B` sources of `S` steps.
        max_length: steps at most, the end token included; a positive integer.
        constraints: of `B` hypotheses, or None.

    Returns:
        `Hypotheses` with one hypothesis a source.
    """
    return extend(step, state, memory, _likeliest, max_length=max_length, constraints=constraints)


def extend(
    step: Step,
    state: Any,
    memory: Any,
    choose: Choose,
    *,
    copies: int = 1,
    max_length: int,
    constraints: Constraints | None,
) -> Hypotheses:
    """Lets `choose` take a token at every step, `copies` times a source; else as greedy search."""
    batch, source_steps = ops.shape(memory.mask)[0] * copies, ops.shape(memory.mask)[1]

    def unfinished(t: Tensor, tokens: Tensor, finished: Tensor, *_: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(finished)))

    def advance(
        t: Tensor, tokens: Tensor, finished: Tensor, scores: Tensor, state: Any, history: Any
    ) -> tuple[Any, ...]:
        logits, state, alignment = step(tokens, state, memory)
        log_probs, plain = log_probabilities(logits)
        adjusted = plain
        if constraints is not None:
            said = ops.transpose(history[0], (1, 0)) if constraints.need_history else ()
            adjusted = constraints(log_probs, plain, t, said)
            plain = plain_where_possible(log_probs, adjusted)
        gains, best = (ops.squeeze(chosen, -1) for chosen in choose(t, plain, adjusted))
        best = ops.cast(best, "int32")
        scores = scores + ops.where(finished, 0.0, gains)
        tokens = ops.where(finished, PAD_ID, best)
        weights = ops.where(ops.expand_dims(finished, -1), 0.0, ops.cast(alignment, "float32"))
        history = (write_step(history[0], t, tokens), write_step(history[1], t, weights))
        finished = ops.logical_or(finished, ops.equal(best, END_ID))
        return t + 1, tokens, finished, scores, state, history

    history = (
        ops.zeros((max_length, batch), "int32"),
        ops.zeros((max_length, batch, source_steps), "float32"),
    )
    tokens = ops.full((batch,), START_ID, "int32")
    finished, scores = ops.zeros((batch,), "bool"), ops.zeros((batch,), "float32")
    *_, scores, _, (tokens, alignments) = ops.while_loop(
        unfinished,
        advance,
        (ops.convert_to_tensor(0, "int32"), tokens, finished, scores, state, history),
    )
    return Hypotheses(
        ops.expand_dims(ops.transpose(tokens, (1, 0)), 1),
        ops.expand_dims(scores, 1),
        ops.expand_dims(ops.transpose(alignments, (1, 0, 2)), 1),
    )


def _likeliest(t: Tensor, plain: Tensor, adjusted: Tensor) -> tuple[Tensor, Tensor]:
    gains, best = ops.top_k(adjusted, 1)
    if adjusted is not plain:
        gains = ops.take_along_axis(plain, best, axis=-1)
    return gains, best
