"""Alignments between tokens that guide training, from a file or known from the task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

from keras_attention.alignment.links import Links, format_links, read_links
from keras_attention.errors import InputError
from keras_attention.files.schema import parse_json
from keras_attention.files.text_files import read_lines
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.translation.codec import TextCodec

from ..data.data_paths import find_files
from ..data.languages import each_language
from ..data.pairs import Pair, split_rows
from ..recipe.data_config import DataConfig
from ..tasks.known_alignments import KNOWN, known_alignments
from .sequences import Guide, Weights

SOFT_SUFFIX = ".jsonl"
"""The suffix of a file with weights instead of links; ".gz" may follow."""

_Row = TypeVar("_Row")


def read_guides(
    config: DataConfig, seed: int, codec: TextCodec, pairs: Sequence[Pair]
) -> list[Guide]:
    """Return the alignments that guide training.

    Args:
        config: the recipe's `[data]` section. Its `alignment_path` is a file with one line for
            each pair of the training file: links in Pharaoh format, or weights printed by
            `align --soft`. If it is empty, the task's known alignments are used.
        seed: the recipe's seed.
        codec: the tokenizers.
        pairs: the training pairs, as `split_pairs` returns them.

    Returns:
        For each pair, the links between its tokens, or the weights `[T, S]`. With subwords, all
        pieces of linked words are linked.

    Raises:
        InputError: if there is no alignment, or the file does not fit the pairs.
    """
    found = (find_files(each, "alignment_path") for each in each_language(config))
    paths = list(dict.fromkeys(chain.from_iterable(found)))
    named = ", ".join(paths)
    if paths and all(path.removesuffix(".gz").endswith(SOFT_SUFFIX) for path in paths):
        read = [row for path in paths for row in _read_weights(path)]
        rows = _training_rows(config, seed, pairs, named, read)
        for pair, (where, weights) in zip(pairs, rows, strict=True):
            _check_shape(codec, pair, weights, where)
        return [weights for _, weights in rows]
    if named:
        numbered = [row for path in paths for row in _read_numbered(path)]
        links = _training_rows(config, seed, pairs, named, numbered)
        words = "subword" in (codec.source.name, codec.target.name)
    else:
        links, words = _known_links(config.format, codec, pairs)
    return [
        _by_token(codec, pair, each, where, words=words)
        for pair, (where, each) in zip(pairs, links, strict=True)
    ]


def _known_links(
    task: str, codec: TextCodec, pairs: Sequence[Pair]
) -> tuple[list[tuple[str, Links]], bool]:
    """Return a name and the known links for each pair, and whether the links are between words."""
    unit = KNOWN.get(task)
    if unit is None:
        raise InputError(
            f"`training.guided_alignment` with data.format={task!r} requires data.alignment_path, "
            "a file with a line of i-j links for each training pair. "
            "Received: data.alignment_path=''."
        )
    if unit == "character" and {codec.source.name, codec.target.name} != {unit}:
        raise InputError(
            f"`training.guided_alignment` with data.format={task!r} links characters and requires "
            f"character tokenizers. Received: {codec.source.name!r} and {codec.target.name!r}."
        )
    known = known_alignments(task, pairs)
    return [(f"a pair of {task}", gold.possible) for gold in known], unit == "word"


def _training_rows(
    config: DataConfig, seed: int, pairs: Sequence[Pair], path: str, rows: list[_Row]
) -> Sequence[_Row]:
    """Return the rows of a file that belong to the training pairs, in their order."""
    size = len(pairs) + (0 if config.validation_path else config.held_out)
    if len(rows) != size:
        raise InputError(
            f"{path}: expected a line for each of the {size} pairs of the training file. "
            f"Received: {len(rows)}."
        )
    return split_rows(rows, config, seed)[0]


def _read_numbered(path: str) -> Iterator[tuple[str, Links]]:
    for number, gold in enumerate(read_links(path), start=1):
        yield _line(path, number), gold.possible


def _line(path: str, number: int) -> str:
    return f"{path}, line {number}"


def _read_weights(path: str) -> Iterator[tuple[str, Weights]]:
    for number, line in enumerate(read_lines(path), start=1):
        try:
            weights = np.array(parse_json(line, path, "a JSON matrix"), "float32")
            if weights.ndim != 2 or not np.isfinite(weights).all() or weights.min() < 0:
                raise ValueError
        except (ValueError, TypeError, OverflowError):
            raise InputError(
                f"{_line(path, number)}: expected a JSON matrix of weights, as `align --soft` "
                f"prints them. Received: {line[:40]!r}."
            ) from None
        yield _line(path, number), weights


def _check_shape(codec: TextCodec, pair: Pair, weights: Weights, where: str) -> None:
    shape = len(codec.target.encode(pair[1])), len(codec.source.tokens(pair[0]))
    if weights.shape != shape:
        raise InputError(
            f"{where}: expected a matrix of {shape[0]} target tokens by {shape[1]} source tokens, "
            f"</s> included. Received: {weights.shape[0]} by {weights.shape[1]}."
        )


def _by_token(codec: TextCodec, pair: Pair, links: Links, where: str, *, words: bool) -> Links:
    """Convert links, which may be between words, to links between tokens."""
    sides = []
    for side, (tokenizer, text) in enumerate(zip((codec.source, codec.target), pair, strict=True)):
        places: dict[int, list[int]] = {}
        try:
            units = tokenizer.positions(text, words=words)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        for place, unit in enumerate(units):
            if unit is not None:
                places.setdefault(unit, []).append(place)
        outside = sorted(link for link in links if link[side] not in places)
        if outside:
            counts_words = words or tokenizer.name == WordTokenizer.name
            kind = "words between spaces" if counts_words else "tokens"
            raise InputError(
                f"{where}: expected links to the {len(places)} {kind} of {text!r}, counted from 0. "
                f"Received: {format_links(frozenset(outside[:1]))}."
            )
        sides.append(places)
    sources, targets = sides
    return frozenset((i, j) for a, b in links for i in sources[a] for j in targets[b])
