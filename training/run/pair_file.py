"""Files of pairs in a run folder: JSON lines whose digest another file of the run has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact
from keras_attention.files.schema import list_of, parse_json, text

from ..data.pairs import Pair

_PAIRS = "a source and a target on every line"


def write_pairs(pairs: Iterable[Pair]) -> tuple[bytes, str]:
    r"""Return pairs as JSON lines, and their sha256 digest in hexadecimal.

    Example:
        >>> content, digest = write_pairs([("a", "b")])
        >>> content, digest[:8]
        (b'["a", "b"]\n', '3e0529f9')
    """
    content = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs).encode()
    return content, hashlib.sha256(content).hexdigest()


def read_pair_file(path: Path, sha256: str, noun: str) -> list[Pair]:
    """Return the pairs of a file whose content `write_pairs` made.

    Args:
        path: the file.
        sha256: its digest.
        noun: what the file contains, for errors, such as "the held-out pairs".
    """
    content = read_artefact(path, largest=LARGEST_MODEL)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(
            f"{path}: expected {noun} that the run was started with. Received: a file with a "
            "different sha256."
        )
    return [_pair(line, path) for line in _lines(content, path)]


def _pair(line: str, path: Path) -> Pair:
    pair = parse_json(line, str(path), _PAIRS)
    if not (list_of(text()).fits(pair) and len(pair) == 2):
        raise InputError(f"{path}: damaged, expected {_PAIRS}. Received: {line[:40]!r}.")
    return pair[0], pair[1]


def _lines(json_text: bytes, path: Path) -> list[str]:
    try:
        return [line for line in json_text.decode().split("\n") if line]
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: damaged, expected {_PAIRS}. Received: bytes that are not UTF-8."
        ) from None
