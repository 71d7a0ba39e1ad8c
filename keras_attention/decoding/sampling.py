"""Sampling: draw hypotheses from the model's distribution, or from its most likely tokens."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from keras_attention.decoding.constraints import Constraints
from keras_attention.decoding.greedy import extend
from keras_attention.decoding.hypotheses import IMPOSSIBLE, Hypotheses, Step, Tensor, map_tensors
from keras_attention.errors import check_positive
from keras_attention.ops.indexing import take_places


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
    points: Tensor | None = None,
    constraints: Constraints | None = None,
) -> Hypotheses:
    """Draw a token at every step, until every hypothesis has ended.

    Args:
        step: `logits, state, alignment = step(tokens, state, memory)`, as `Seq2Seq.step`.
        state: the first state, of `B` sources.
        memory: the memory that `step` attends to, a `Memory` of `B` sources of `S` steps.
        samples: number of independent hypotheses `K` per source, a positive integer.
        max_length: largest number of steps, including the end token; a positive integer.
        temperature: divisor of the log-probabilities, at least 1e-6.
        top_k: draw only from this many most likely tokens; 0 draws from all.
        top_p: draw only from the smallest set of most likely tokens whose probabilities sum to at
            least this value.
        seed: an integer or a `keras.random.SeedGenerator`. With an integer, the same batch always
            has the same draws.
        points: numbers in [0, 1) `[max_length, B * K]` that decide the draws instead of the seed,
            as `draw_points` returns them; or None.
        constraints: constraints on `B * K` hypotheses, applied before the temperature; or None.

    Returns:
        `Hypotheses` with `K` hypotheses per source. They are in the order in which they were drawn
        and not sorted by score, so that each is an unbiased sample.

    Raises:
        ValueError: if `samples` is not a positive integer.

    Reference:
        https://arxiv.org/abs/1904.09751
    """
    check_positive(samples=samples)
    batch, source_steps = ops.shape(memory.mask)[0], ops.shape(memory.mask)[1]
    state = map_tensors(lambda x: ops.repeat(x, samples, axis=0), state)
    if points is None:
        # Draw all numbers before the loop: inside it, an integer seed would repeat one number.
        points = keras.random.uniform((max_length, batch * samples), seed=seed)

    def choose(t: Tensor, plain: Tensor, adjusted: Tensor) -> tuple[Tensor, Tensor]:
        # A high temperature must not make an impossible token possible.
        scaled = ops.where(adjusted > IMPOSSIBLE / 2, adjusted / temperature, float("-inf"))
        scaled = likely_only(scaled, top_k, top_p)
        tokens = ops.expand_dims(draw(scaled, ops.take(points, t, axis=0)), -1)
        return take_places(plain, tokens), tokens

    drawn = extend(
        step,
        state,
        memory,
        choose,
        per_source=samples,
        max_length=max_length,
        constraints=constraints,
    )
    return Hypotheses(
        ops.reshape(drawn.tokens, (batch, samples, max_length)),
        ops.reshape(drawn.scores, (batch, samples)),
        ops.reshape(drawn.alignments, (batch, samples, max_length, source_steps)),
    )


def draw_points(
    seed: int, numbers: Sequence[int], samples: int, max_length: int
) -> npt.NDArray[np.float32]:
    """Draw the random numbers that determine the samples of a batch of texts.

    Each number depends only on the seed, the text's number, the sample's number and the step, not
    on the other texts of the batch, the thread or Keras's backend.

    Args:
        seed: an integer of at least 0.
        numbers: the number of each of `B` texts, at least 0.
        samples: number of samples `K` per text.
        max_length: number of steps.

    Returns:
        Numbers in [0, 1) `[max_length, B * K]`.
    """
    streams = [
        np.random.Generator(np.random.Philox(key=[seed, number], counter=[0, 0, 0, sample]))
        for number in numbers
        for sample in range(samples)
    ]
    drawn = [stream.random(max_length, dtype="float32") for stream in streams]
    return np.stack(drawn, axis=1)


def likely_only(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Keep the `top_k` and then the `top_p` most likely logits of `[N, V]`; set others to -inf.

    If tokens are equally likely, those with lower ids are kept.
    """
    if 0 < top_k < logits.shape[-1]:
        largest, _ = ops.top_k(logits, top_k)
        logits = _keep_first(logits, largest[:, -1:], top_k)
    if top_p < 1:
        ordered, _ = ops.top_k(logits, logits.shape[-1])
        probabilities = ops.softmax(ordered, axis=-1)
        before = ops.cumsum(probabilities, axis=-1) - probabilities
        # Keep the most likely token, however small `top_p` is.
        kept = ops.logical_or(before < top_p, ops.arange(logits.shape[-1]) == 0)
        least = ops.min(ops.where(kept, ordered, ordered[:, :1]), axis=-1, keepdims=True)
        count = ops.sum(ops.cast(kept, "int32"), axis=-1, keepdims=True)
        logits = _keep_first(logits, least, count)
    return logits


def draw(logits: Tensor, points: Tensor) -> Tensor:
    """Return the id that each of the `points` `[N]` in [0, 1) selects from its row of logits."""
    cumulative = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1)
    # The last sum is only approximately 1. A point above it would draw an impossible id.
    points = ops.expand_dims(points * (1 - 1e-6), -1) * cumulative[:, -1:]
    return ops.sum(ops.cast(cumulative <= points, "int32"), axis=-1)


def _keep_first(logits: Tensor, least: Tensor, count: int | Tensor) -> Tensor:
    """Keep `count` logits: all above `least`, then the first that equal it; set others to -inf."""
    above, equal = logits > least, ops.cast(ops.equal(logits, least), "int32")
    room = count - ops.sum(ops.cast(above, "int32"), axis=-1, keepdims=True)
    chosen = ops.logical_and(equal > 0, ops.cumsum(equal, axis=-1) <= room)
    return ops.where(ops.logical_or(above, chosen), logits, float("-inf"))
