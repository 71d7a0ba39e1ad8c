"""Embeddings that were learned elsewhere: rows of a word2vec text file for the vocabulary."""

from __future__ import annotations

import itertools
import logging
import math
import re
from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files import read_lines
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.codec import TextCodec
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.vocabulary import SPECIAL_TOKENS

from .sections import ModelConfig

Vector = npt.NDArray[np.float32]

_logger = logging.getLogger(__name__)


def load_pretrained(config: ModelConfig, model: Seq2Seq, codec: TextCodec) -> None:
    """Sets the embeddings of the tokens that the recipe's files have; others stay as they are.

    Args:
        config: the recipe's section, with the files' paths.
        model: the untrained model.
        codec: its tokenizers.

    Raises:
        InputError: if a file cannot be read or its vectors have another width.
    """
    sides = {"source": codec.source, "target": codec.target}
    for side, tokenizer in sides.items():
        path = getattr(config, f"{side}_embeddings")
        if not path:
            continue
        table = getattr(model, f"{side}_embedding").embeddings
        rows = keras.ops.convert_to_numpy(table).copy()
        found = find_vectors(path, tokenizer, config.embedding)
        for id_, vector in found.items():
            rows[id_] = vector
        table.assign(rows)
        tokens = len(tokenizer.vocabulary) - len(SPECIAL_TOKENS)
        _logger.info("%s: %s of %s %s tokens found", path, f"{len(found):,}", f"{tokens:,}", side)


def find_vectors(path: str, tokenizer: Tokenizer, width: int) -> dict[int, Vector]:
    """Reads the vectors of a vocabulary from a text file of word2vec, fastText or GloVe.

    The first line has the number of tokens and the width (GloVe's files leave it out), every other
    line a token and its numbers, separated by single spaces. A token in another normal form or
    case than the tokenizer's counts as the tokenizer's own, unless the file has that too; of
    several, the first counts. The special tokens have no vectors.

    Args:
        path: the file; it is read line by line.
        tokenizer: what normalizes, and whose vocabulary is looked for.
        width: numbers that each vector must have.

    Returns:
        The vector `[width]` of each id that was found.

    Raises:
        InputError: if the file cannot be read, a line is malformed or the width is another.
    """
    ids = {token: id_ for id_, token in enumerate(tokenizer.vocabulary.tokens)}
    for special in SPECIAL_TOKENS:
        del ids[special]
    found: dict[int, Vector] = {}
    exact: set[int] = set()
    for number, token, numbers in _entries(path, width):
        is_exact = token in ids
        id_ = ids.get(token if is_exact else tokenizer.normalize(token))
        if id_ is None or id_ in exact or (id_ in found and not is_exact):
            continue
        found[id_] = _vector(numbers, f"{path}, line {number}")
        if is_exact:
            exact.add(id_)
    return found


def _entries(path: str, width: int) -> Iterator[tuple[int, str, list[str]]]:
    """Yields the line's number, the token and the numbers, as text, of each vector."""
    lines = enumerate((line.rstrip(" ") for line in read_lines(path)), start=1)
    first = next(lines, (1, ""))
    promised = re.fullmatch("([0-9]+) ([0-9]+)", first[1])
    if promised:
        _check_width(int(promised[2]), width, f"{path}, line 1")
    count = 0
    for number, line in lines if promised else itertools.chain([first], lines):
        # From the right: some of GloVe's tokens have spaces.
        token, *numbers = line.rsplit(" ", width) if count else line.split(" ")
        if not (token and numbers):
            raise InputError(
                f"{path}, line {number}: expected a token and its numbers, separated by single "
                f"spaces. Received: {line[:40]!r}."
            )
        _check_width(len(numbers), width, f"{path}, line {number}")
        count += 1
        yield number, token, numbers
    if promised and count != int(promised[1]):
        raise InputError(
            f"{path}: expected {promised[1]} tokens, as line 1 says. Received: {count}."
        )


def _check_width(received: int, width: int, where: str) -> None:
    if received != width:
        raise InputError(
            f"{where}: expected vectors of {width} numbers, as model.embedding says. "
            f"Received: {received}."
        )


def _vector(numbers: list[str], where: str) -> Vector:
    for text in numbers:
        try:
            finite = math.isfinite(float(text))
        except ValueError:
            finite = False
        if not finite:
            raise InputError(f"{where}: expected finite numbers. Received: {text[:40]!r}.")
    return np.array(numbers, dtype="float64").astype("float32")
