"""Pairs encoded as token ids, without the pairs that exceed the length limits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from keras_attention.errors import InputError, TextError
from keras_attention.text.tokenizers import Tokenizer

from ..data.pairs import Pair
from .sequences import Sampling, Sequences

_logger = logging.getLogger(__name__)


@dataclass
class EncodedPairs:
    """The ids of all pairs within the length limits.

    Attributes:
        sources: the ids of each source.
        targets: the ids of each target.
        kept: for each input pair, whether it is within the limits.
    """

    sources: Sequences = field(default_factory=Sequences)
    targets: Sequences = field(default_factory=Sequences)
    kept: list[bool] = field(default_factory=list)


def encode_pairs(
    pairs: Iterable[Pair],
    tokenizers: tuple[Tokenizer, Tokenizer],
    limits: tuple[int, int],
    samplings: Sequence[Sampling | None] = (None, None),
    noun: str = "pairs",
) -> EncodedPairs:
    """Encode the sources and targets of pairs, and log how many pairs are too long.

    Args:
        pairs: sources and targets; they are read once.
        tokenizers: the tokenizers of sources and of targets.
        limits: maximum number of ids of a source and of a target, including </s>.
        samplings: for each side, the object that collects texts for subword dropout, if any.
        noun: the name of the pairs in the log.

    Raises:
        InputError: If there are no pairs, or none is within the limits.
        TextError: If a source lacks a source feature, or has an unknown value for it.
    """
    found = EncodedPairs()
    too_long = [0, 0]
    for number, pair in enumerate(pairs):
        try:
            sides = [encoder.encode(text) for encoder, text in zip(tokenizers, pair, strict=True)]
        except TextError as error:
            raise TextError(error.problem, number, noun.removesuffix("s")) from None
        over = [len(ids) > limit for ids, limit in zip(sides, limits, strict=True)]
        too_long = [count + one for count, one in zip(too_long, over, strict=True)]
        found.kept.append(not any(over))
        if any(over):
            continue
        found.sources.append(sides[0])
        found.targets.append(sides[1])
        for sampling, text in zip(samplings, pair, strict=True):
            if sampling:
                sampling.texts.append(text)
    _report_dropped(found.kept, too_long, limits, noun)
    return found


def _report_dropped(
    kept: Sequence[bool], too_long: Sequence[int], limits: tuple[int, int], noun: str
) -> None:
    if not kept:
        raise InputError("Expected at least one pair of source and target. Received: none.")
    if all(kept):
        return
    report = (
        f"dropped {len(kept) - sum(kept)} of {len(kept)} {noun}: "
        f"{too_long[0]} sources over {limits[0]} tokens, "
        f"{too_long[1]} targets over {limits[1]} tokens"
    )
    if not any(kept):
        raise InputError(f"No pair is within the length limits: {report}.")
    _logger.warning("%s", report)
