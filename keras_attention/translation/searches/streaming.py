"""Convert the steps of a greedy search to the text so far, token by token."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_attention.errors import OptionError
from keras_attention.special_tokens import END_ID
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import StreamedToken

StreamText = Callable[[str], Iterator[StreamedToken]]
"""A function from a text to the tokens of its output, as they are chosen."""


class ChosenToken(NamedTuple):
    """A token that a greedy search has chosen.

    Attributes:
        id: its target id.
        score: sum of the natural log-probabilities of the tokens so far.
        weights: its weights over the source `[S]`.
    """

    id: int
    score: float
    weights: npt.NDArray[np.float32]


def check_streamed(
    *,
    beam_width: int = 1,
    nbest: int = 1,
    sample: bool = False,
    terms: Any = None,
    **others: Any,
) -> None:
    """Check that the options of a search are those of greedy search."""
    rule = "must be {value} to stream the tokens of a text, which are chosen greedily"
    given = {"beam_width": beam_width, "nbest": nbest, "sample": sample, "terms": terms}
    expected = {"beam_width": 1, "nbest": 1, "sample": False, "terms": None}
    for name, value in expected.items():
        if given[name] != value:
            raise OptionError(name, rule.format(value=value), **{name: f"{given[name]!r:.60}"})


def stream_tokens(
    codec: TextCodec, source_tokens: Sequence[str], steps: Iterable[ChosenToken]
) -> Iterator[StreamedToken]:
    """Yield each token of an output with the text so far, without `</s>`.

    Args:
        codec: the model's codec, which replaces `<unk>` if its settings ask for it.
        source_tokens: the tokens of the source, `</s>` included.
        steps: the steps of the search.
    """
    ids, weights = list[int](), list[Any]()
    for step in steps:
        if step.id == END_ID:
            return
        ids.append(step.id)
        weights.append(step.weights)
        so_far = codec.hypothesis(ids, step.score, np.array(weights), source_tokens)
        yield StreamedToken(so_far.tokens[-1], so_far.text, step.score, so_far.alignment[-1])


def text_parts(steps: Iterable[StreamedToken]) -> Iterator[str]:
    """Yield the text of an output in parts that can be printed one after the other.

    The last letter so far is held back until the next token, which may be a mark on it or the
    rest of a Hangul syllable. The parts together are the whole text.

    Example:
        >>> texts = "\ud558", "\ud55c", "\ud55c A"
        >>> steps = [StreamedToken("", text, 0.0, np.zeros(0)) for text in texts]
        >>> list(text_parts(steps))
        ['\ud55c ', 'A']
    """
    printed = text = ""
    for step in steps:
        text = step.text
        kept = _before_last_letter(text)
        if len(kept) > len(printed) and kept.startswith(printed):
            yield kept[len(printed) :]
            printed = kept
    if len(text) > len(printed):
        yield text[len(printed) :]


def _before_last_letter(text: str) -> str:
    place = len(text) - 1
    while place > 0 and unicodedata.combining(text[place]):
        place -= 1
    return text[: max(place, 0)]
