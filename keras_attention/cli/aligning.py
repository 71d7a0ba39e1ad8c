"""`align`: links or weights of given pairs, of one model or of two, and how good they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.alignment.links import (
    HIGH_ERROR,
    AlignmentQuality,
    GoldAlignment,
    Links,
    check_threshold,
    format_links,
    link_words,
    measure_alignments,
    read_links,
)
from keras_attention.alignment.symmetrization import DEFAULT_METHOD, symmetrize
from keras_attention.errors import InputError
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.training.data.pairs import Pair
from keras_attention.training.tasks.known_alignments import KNOWN, known_alignments
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.forced_alignment import align_pairs
from keras_attention.translation.translator import Translator


@dataclass(frozen=True)
class Wanted:
    """What `align` is asked to print.

    Attributes:
        threshold: see `hard_links`.
        words: whether links are between words instead of tokens.
        soft: whether weights are printed instead of links.
        reverse: a model from target to source, whose links are joined with the first's.
        symmetrize: how.
        gold: a Pharaoh file, or the name of a task of which the alignment is known.
        max_tokens: largest number of tokens of a text; default the translators' own limit.
    """

    threshold: float | None = None
    words: bool = False
    soft: bool = False
    reverse: Path | None = None
    symmetrize: str | None = None
    gold: str | None = None
    max_tokens: int | None = None

    def check(self) -> None:
        """Checks, before a model is loaded, what can be checked.

        Raises:
            InputError: if options are out of range, or do not fit each other.
        """
        check_threshold(self.threshold, "--threshold")
        if self.symmetrize and not self.reverse:
            raise InputError("--symmetrize needs a second model, --reverse MODEL.")
        symmetrize(frozenset(), frozenset(), self.method)
        hard = {
            "--threshold": self.threshold is not None,
            "--words": self.words,
            "--reverse": self.reverse is not None,
            "--gold": self.gold is not None,
        }
        if self.soft and any(hard.values()):
            first = next(name for name, given in hard.items() if given)
            raise InputError(f"--soft prints weights, not links, and goes without {first}.")

    @property
    def method(self) -> str:
        """How two models are joined."""
        return self.symmetrize or DEFAULT_METHOD


def run_align(model: Path, pairs: Sequence[Pair], wanted: Wanted) -> None:
    """Prints a line a pair; with a gold alignment, on standard error, how good they are.

    Args:
        model: a model's folder or checkpoint.
        pairs: sources and targets.
        wanted: what is wanted, checked.

    Raises:
        InputError: if a model has no attention, two models count
            other tokens, or the gold is that of other pairs or tokens.
    """
    gold = _read_gold(wanted.gold, pairs)
    translator = _load(model, wanted.max_tokens)
    if wanted.soft:
        for aligned in align_pairs(translator, pairs):
            print(json.dumps(np.round(aligned.weights.astype(float), 4).tolist()))
        return
    if wanted.gold:
        _check_gold(wanted, gold, pairs, translator.codec)
    found = []
    for links in _find_links(translator, pairs, wanted):
        print(format_links(links))
        found.append(links)
    if wanted.gold:
        sys.stdout.flush()
        _print_quality(measure_alignments(found, gold))


def _read_gold(name: str | None, pairs: Sequence[Pair]) -> list[GoldAlignment]:
    if name is None:
        return []
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
            f"{name}: expected a line for each of {len(pairs)} pairs. Received: {len(gold)}."
        )
    return gold


def _load(model: Path, max_tokens: int | None) -> Translator:
    translator = Translator.load(model)
    translator.max_tokens = max_tokens or translator.max_tokens
    if translator.single_model.decoder.cell.attention is None:
        raise InputError(f"{model}: expected a model with attention. Received: one without.")
    return translator


def _check_gold(
    wanted: Wanted, gold: Sequence[GoldAlignment], pairs: Sequence[Pair], codec: TextCodec
) -> None:
    """Checks that the gold's positions are those of the pairs' tokens."""
    units = {"word" if wanted.words else side.name for side in (codec.source, codec.target)}
    counted = KNOWN.get(wanted.gold or "")
    if counted and units != {counted}:
        raise InputError(
            f"--gold {wanted.gold} counts {counted}s on both sides. "
            f"Received: links between {' and '.join(sorted(units))}s."
        )
    names = {"word": "words between spaces"}
    counting = " and ".join(names.get(unit, f"{unit}s") for unit in sorted(units))
    for number, (pair, right) in enumerate(zip(pairs, gold, strict=True), start=1):
        sources, targets = (
            set(places) - {None} for places in _positions(codec, pair, wanted, number)
        )
        beyond = [(i, j) for i, j in right.possible if i not in sources or j not in targets]
        if beyond:
            raise InputError(
                f"{wanted.gold}, line {number}: expected positions, counted from 0, in a source of "
                f"{len(sources)} and a target of {len(targets)} {counting}. "
                f"Received: {format_links(frozenset(beyond[:1]))}."
            )


def _positions(
    codec: TextCodec, pair: Pair, wanted: Wanted, number: int
) -> list[Sequence[int | None]]:
    """Return, for each side, the positions of its tokens in a Pharaoh file."""
    try:
        return [
            tokenizer.positions(text, words=wanted.words)
            for tokenizer, text in zip((codec.source, codec.target), pair, strict=True)
        ]
    except InputError as error:
        raise InputError(f"pair {number}: {error}") from None


def _units(tokenizer: Tokenizer, text: str, words: bool) -> Sequence[Any]:
    """What positions in a text count: its tokens, or the numbers of its words."""
    return (
        sorted(set(tokenizer.positions(text, words=True)) - {None})
        if words
        else tokenizer.split(text)
    )


def _find_links(translator: Translator, pairs: Sequence[Pair], wanted: Wanted) -> Iterator[Links]:
    """The links of each pair, (source, target)."""
    forward = _links_of(translator, pairs, wanted)
    if not wanted.reverse:
        yield from forward
        return
    other = _load(wanted.reverse, wanted.max_tokens)
    _check_same_units(pairs, (translator.codec, other.codec), wanted)
    turned = _links_of(other, [(target, source) for source, target in pairs], wanted)
    for links, back in zip(forward, turned, strict=True):
        yield symmetrize(links, frozenset((i, j) for j, i in back), wanted.method)


def _links_of(translator: Translator, pairs: Iterable[Pair], wanted: Wanted) -> Iterator[Links]:
    """The links of one model, (what it reads, what it writes)."""
    for number, aligned in enumerate(align_pairs(translator, pairs), start=1):
        pair = aligned.source, aligned.target
        places = _positions(translator.codec, pair, wanted, number)
        yield link_words(aligned.links(wanted.threshold), *places)


def _check_same_units(
    pairs: Sequence[Pair], codecs: tuple[TextCodec, TextCodec], wanted: Wanted
) -> None:
    one, other = codecs
    sides = (one.source, other.target), (one.target, other.source)
    for number, pair in enumerate(pairs, start=1):
        for text, (forward, back) in zip(pair, sides, strict=True):
            if _units(forward, text, wanted.words) != _units(back, text, wanted.words):
                advice = "" if wanted.words else " --words counts words in both."
                raise InputError(
                    f"{wanted.reverse}: expected a model that cuts pair {number} into the same "
                    f"{'words' if wanted.words else 'tokens'}. Received: {text!r}.{advice}"
                )


def _print_quality(quality: AlignmentQuality) -> None:
    print(
        f"alignment error rate {quality.error:.2%}  of {quality.pairs} pairs, "
        f"precision {quality.precision:.2%} of {quality.found} links, "
        f"recall {quality.recall:.2%} of {quality.sure} sure ones",
        file=sys.stderr,
    )
    if not quality.is_good:
        print(
            f"note: these weights do not align well: the alignment error rate is over "
            f"{HIGH_ERROR:.0%}.",
            file=sys.stderr,
        )
