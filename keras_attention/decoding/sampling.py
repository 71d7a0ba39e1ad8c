"""Sampling: hypotheses drawn from the model's own distribution, or from the likely part of it."""

from typing import Any

import keras
from keras import ops

from keras_attention.decoding.constraints import Constraints
from keras_attention.decoding.greedy import extend
from keras_attention.decoding.hypotheses import (
    IMPOSSIBLE,
    Hypotheses,
    Step,
    Tensor,
    map_tensors,
)
from keras_attention.gathering import take_places


def sample_search(
    step: Step,
    state: Any,
    memory: Any,
    *,
    samples: int = 1,
    max_length: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: Any = 0,
    constraints: Constraints | None = None,
) -> Hypotheses:
    """Draws a token at every step until every hypothesis has ended.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state, of `B` sources.
        memory: what `step` attends to, a `Memory` of `B` sources of `S` steps.
        samples: independent hypotheses `K` a source, a positive integer.
        max_length: steps at most, the end token included; a positive integer.
        temperature: logits are divided by it; at least 1e-6.
        top_k: draw from that many likeliest tokens; 0 draws from all.
        top_p: draw from the fewest likeliest tokens with that probability together.
        seed: an integer or a `keras.random.SeedGenerator`; an integer draws the same for the same
            batch each time.
        constraints: of `B * K` hypotheses, applied before the temperature; or None.

    Returns:
        `Hypotheses` with `K` hypotheses a source in the order of drawing, not of score, so that
        each one is a fair draw.

    Reference:
        https://arxiv.org/abs/1904.09751
    """
    batch, source_steps = ops.shape(memory.mask)[0], ops.shape(memory.mask)[1]
    state = map_tensors(lambda x: ops.repeat(x, samples, axis=0), state)
    # One number a draw, made ahead of the loop, in which an integer seed would repeat itself.
    points = keras.random.uniform((max_length, batch * samples), seed=seed)

    def choose(t: Tensor, plain: Tensor, adjusted: Tensor) -> tuple[Tensor, Tensor]:
        # What is ruled out stays so at any temperature.
        scaled = ops.where(adjusted > IMPOSSIBLE / 2, adjusted / temperature, float("-inf"))
        scaled = likely_only(scaled, top_k, top_p)
        tokens = ops.expand_dims(draw(scaled, ops.take(points, t, axis=0)), -1)
        return take_places(plain, tokens), tokens

    drawn = extend(
        step,
        state,
        memory,
        choose,
        copies=samples,
        max_length=max_length,
        constraints=constraints,
    )
    return Hypotheses(
        ops.reshape(drawn.tokens, (batch, samples, max_length)),
        ops.reshape(drawn.scores, (batch, samples)),
        ops.reshape(drawn.alignments, (batch, samples, max_length, source_steps)),
    )


def likely_only(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Logits `[N, V]` with all but the `top_k`, and of these the `top_p`, at minus infinity."""
    if 0 < top_k < logits.shape[-1]:
        likeliest, _ = ops.top_k(logits, top_k)
        logits = _at_least(logits, likeliest[:, -1:])
    if top_p < 1:
        ordered, _ = ops.top_k(logits, logits.shape[-1])
        probabilities = ops.softmax(ordered, axis=-1)
        likelier = ops.cumsum(probabilities, axis=-1) - probabilities
        # The likeliest token stays, however little is asked for.
        kept = ops.where(likelier < top_p, ordered, ordered[:, :1])
        logits = _at_least(logits, ops.min(kept, axis=-1, keepdims=True))
    return logits


def draw(logits: Tensor, points: Tensor) -> Tensor:
    """Ids `[N]` that lie at `points` `[N]`, of [0, 1), of the distributions `[N, V]`."""
    below = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1)
    # The sum is about 1 only; a point must lie below it, or an impossible id would be drawn.
    points = ops.expand_dims(points * (1 - 1e-6), -1) * below[:, -1:]
    return ops.sum(ops.cast(below <= points, "int32"), axis=-1)


def _at_least(logits: Tensor, least: Tensor) -> Tensor:
    return ops.where(logits >= least, logits, float("-inf"))
