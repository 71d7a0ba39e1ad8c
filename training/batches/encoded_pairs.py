"""Pairs encoded as token ids, without the pairs that exceed the length limits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError, TextError
from keras_attention.text.tokenizers import Tokenizer

from ..data.data_store import PairsInStore
from ..data.pairs import Pair
from ..data.stored_pairs import StoredPairs
from .sequences import Sequences
from .stored_ids import StoredIds, encode_in_store
from .stored_sequences import StoredSequences

_logger = logging.getLogger(__name__)


@dataclass
class EncodedPairs:
    """The ids of all pairs within the length limits.

    Attributes:
        sources: the ids of each source.
        targets: the ids of each target.
        kept: for each input pair, whether it is within the limits, bool.
    """

    sources: Sequences | StoredIds
    targets: Sequences | StoredIds
    kept: npt.NDArray[np.bool_]


def encode_pairs(
    pairs: Iterable[Pair],
    tokenizers: tuple[Tokenizer, Tokenizer],
    limits: tuple[int, int],
    noun: str = "pairs",
) -> EncodedPairs:
    """Encode the sources and targets of pairs, and log how many pairs are too long.

    Args:
        pairs: sources and targets; they are read once. If they are in a file, so are the ids.
        tokenizers: the tokenizers of sources and of targets.
        limits: maximum number of ids of a source and of a target, including </s>.
        noun: the name of the pairs in the log.

    Raises:
        InputError: If there are no pairs, or none is within the limits.
        TextError: If a source lacks a source feature, or has an unknown value for it.
    """
    stored = encode_in_store(pairs, tokenizers, noun) if isinstance(pairs, PairsInStore) else None
    if stored is not None:
        found, too_long = _within_limits(stored, limits)
    else:
        found, too_long = _encode_each(pairs, tokenizers, limits, noun)
    _report_dropped(found.kept, too_long, limits, noun)
    return found


def _within_limits(
    stored: Sequence[StoredIds], limits: tuple[int, int]
) -> tuple[EncodedPairs, list[int]]:
    """Return the ids of the pairs to keep, and how many sources and targets are too long."""
    sources, targets = stored
    over = sources.lengths > limits[0], targets.lengths > limits[1]
    kept = ~(over[0] | over[1])
    found = EncodedPairs(sources.take(kept), targets.take(kept), kept)
    return found, [int(side.sum()) for side in over]


def _encode_each(
    pairs: Iterable[Pair],
    tokenizers: tuple[Tokenizer, Tokenizer],
    limits: tuple[int, int],
    noun: str,
) -> tuple[EncodedPairs, list[int]]:
    """Encode the pairs, and count how many sources and targets are too long."""
    kind = StoredSequences if isinstance(pairs, StoredPairs) else Sequences
    sources, targets, kept = kind(), kind(), list[bool]()
    too_long = [0, 0]
    for number, pair in enumerate(pairs):
        try:
            sides = [encoder.encode(text) for encoder, text in zip(tokenizers, pair, strict=True)]
        except TextError as error:
            raise TextError(error.problem, number, noun.removesuffix("s")) from None
        over = [len(ids) > limit for ids, limit in zip(sides, limits, strict=True)]
        too_long = [count + one for count, one in zip(too_long, over, strict=True)]
        kept.append(not any(over))
        if any(over):
            continue
        sources.append(sides[0])
        targets.append(sides[1])
    return EncodedPairs(sources, targets, np.array(kept, bool)), too_long


def _report_dropped(
    kept: npt.NDArray[np.bool_], too_long: Sequence[int], limits: tuple[int, int], noun: str
) -> None:
    if not len(kept):
        raise InputError("Expected at least one pair of source and target. Received: none.")
    if kept.all():
        return
    report = (
        f"dropped {np.count_nonzero(~kept)} of {len(kept)} {noun}: "
        f"{too_long[0]} sources over {limits[0]} tokens, "
        f"{too_long[1]} targets over {limits[1]} tokens"
    )
    if not kept.any():
        raise InputError(f"No pair is within the length limits: {report}.")
    _logger.warning("%s", report)
