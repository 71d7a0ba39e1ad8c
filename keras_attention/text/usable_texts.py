"""Translate lines, and keep an error for each line that cannot be translated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TypeVar

from keras_attention.errors import InputError, TextError

Result = TypeVar("Result")


def answer_each(
    translate: Callable[[Iterable[str]], Iterable[Result]], lines: Sequence[str | InputError]
) -> Iterator[Result | InputError]:
    """Yield the result for each line, or the error that explains why it cannot be used.

    Args:
        translate: yields the result for each text in order, or raises a `TextError` at the first
            text that it cannot use.
        lines: texts, or errors about lines that are not text. Errors are yielded unchanged.

    Example:
        >>> def lengths(texts):
        ...     for position, text in enumerate(texts):
        ...         if not text:
        ...             raise TextError("expected a text. Received: none.", position)
        ...         yield len(text)
        >>> list(answer_each(lengths, ["ab", "", "abc"]))
        [2, TextError('expected a text. Received: none.', 1, 'text'), 3]
    """
    first = 0
    while first < len(lines):
        line = lines[first]
        if isinstance(line, InputError):
            yield line
            first += 1
            continue
        texts = [str(each) for each in takewhile(_is_text, lines[first:])]
        try:
            for _, result in zip(texts, translate(texts), strict=True):
                yield result
                first += 1
        except TextError as error:
            yield error
            first += 1


def _is_text(line: str | InputError) -> bool:
    return isinstance(line, str)
