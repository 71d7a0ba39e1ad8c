"""The gold alignments of `align`, from a Pharaoh file or from a task with known alignments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_attention.alignment.links import GoldAlignment, format_links, read_links
from keras_attention.cli.command_parts.pair_links import token_positions
from keras_attention.errors import InputError
from keras_attention.training.data.pairs import Pair
from keras_attention.training.tasks.known_alignments import KNOWN, known_alignments
from keras_attention.translation.codec import TextCodec


def read_gold(name: str, pairs: Sequence[Pair]) -> list[GoldAlignment]:
    """Return the gold alignment of each pair."""
    if name in KNOWN:
        return known_alignments(name, pairs)
    if not Path(name).exists():
        raise InputError(
            f"{name}: expected a Pharaoh file, or one of {', '.join(KNOWN)}. "
            "Received: no such file."
        )
    gold = read_links(name)
    if len(gold) != len(pairs):
        raise InputError(
            f"{name}: expected {len(pairs)} lines, one per pair. Received: {len(gold)}."
        )
    return gold


def check_gold(
    name: str,
    gold: Sequence[GoldAlignment],
    pairs: Sequence[Pair],
    codec: TextCodec,
    *,
    words: bool,
) -> None:
    """Check that each position in the gold alignments belongs to a token or word of its pair."""
    units = {"word" if words else side.name for side in (codec.source, codec.target)}
    counted = KNOWN.get(name)
    if counted and units != {counted}:
        raise InputError(
            f"--gold {name} requires links between {counted}s. "
            f"Received: links between {' and '.join(sorted(units))}s."
        )
    names = {"word": "words between spaces"}
    counting = " and ".join(names.get(unit, f"{unit}s") for unit in sorted(units))
    for number, (pair, right) in enumerate(zip(pairs, gold, strict=True), start=1):
        positions = token_positions(codec, pair, number, words=words)
        sources, targets = (set(places) - {None} for places in positions)
        beyond = [(i, j) for i, j in right.possible if i not in sources or j not in targets]
        if beyond:
            raise InputError(
                f"{name}, line {number}: expected positions, counted from 0, in a source of "
                f"{len(sources)} and a target of {len(targets)} {counting}. "
                f"Received: {format_links(frozenset(beyond[:1]))}."
            )
