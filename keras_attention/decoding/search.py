"""The one search interface: source ids in, hypotheses out."""

from typing import Any

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import Hypotheses, Tensor


def search(
    model: Any,
    source: Tensor,
    *,
    max_length: int,
    beam_width: int = 1,
    length_penalty: float = 0.0,
) -> Hypotheses:
    """Searches the best outputs for a batch of sources.

    Args:
        model: a `Seq2Seq`, or anything with its `encode` and `step`.
        source: integer ids `[B, S]`, closed by the end token and padded with 0.
        max_length: target steps at most, the end token included; a positive integer.
        beam_width: hypotheses a source; 1 is greedy search. Default 1.
        length_penalty: exponent of the length penalty of beam search. Default 0.

    Returns:
        `Hypotheses` with `beam_width` hypotheses a source, best first.

    Raises:
        ValueError: if `beam_width` or `max_length` is not positive.
    """
    if beam_width < 1 or max_length < 1:
        raise ValueError(
            "`beam_width` and `max_length` must be positive. "
            f"Received: beam_width={beam_width}, max_length={max_length}."
        )
    memory, state = model.encode(source)
    if beam_width == 1:
        return greedy_search(model.step, state, memory, max_length=max_length)
    return beam_search(
        model.step,
        state,
        memory,
        beam_width=beam_width,
        length_penalty=length_penalty,
        max_length=max_length,
    )
