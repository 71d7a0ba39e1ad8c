"""The options --allowed and --pattern, which limit the outputs of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_attention.cli.lines import checked_text
from keras_attention.errors import InputError, TextError
from keras_attention.files.text_files import read_lines


class AllowedTexts(tuple[str, ...]):
    """The lines of a file of allowed outputs.

    Attributes:
        path: the file.
    """

    path: Path


def read_limit(allowed: Path | None, pattern: str | None) -> dict[str, Any]:
    """Return the argument `allowed` or `pattern` of a translator, if the user gave one.

    Args:
        allowed: the file of allowed outputs, one per line.
        pattern: the regular expression.

    Raises:
        InputError: if both are given, the file cannot be read or has only empty lines, or the
            expression is not valid Unicode.
    """
    if allowed is not None and pattern is not None:
        raise InputError(
            "--allowed and --pattern exclude each other; choose one of them. "
            f"Received: --allowed {allowed} --pattern {pattern!r}."
        )
    if pattern is not None:
        return {"pattern": checked_text(pattern, "--pattern")}
    if allowed is None:
        return {}
    texts = AllowedTexts(read_lines(allowed))
    texts.path = allowed
    if not any(texts):
        raise InputError(f"{allowed}: expected an allowed output per line. Received: no text.")
    return {"allowed": texts}


@contextmanager
def named_lines(limit: Mapping[str, Any]) -> Iterator[None]:
    """Add the file and the line to an error that the block raises about an allowed output.

    Args:
        limit: the result of `read_limit`, alone or with other search options.

    Raises:
        InputError: if the block raises a `TextError` about a text of the file.
    """
    texts = limit.get("allowed")
    try:
        yield
    except TextError as error:
        if not isinstance(texts, AllowedTexts):
            raise
        raise InputError(f"{texts.path}, line {error.position + 1}: {error.problem}") from None
