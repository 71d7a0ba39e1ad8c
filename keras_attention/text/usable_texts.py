"""Translate lines, and keep an error for each line that cannot be translated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar, cast

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
    for unusable, run in groupby(lines, lambda line: isinstance(line, InputError)):
        if unusable:
            yield from cast(Iterator[InputError], run)
            continue
        texts = [str(line) for line in run]
        while texts:
            done = 0
            try:
                for _, result in zip(texts, translate(texts), strict=True):
                    yield result
                    done += 1
            except TextError as error:
                yield error
                done += 1
            texts = texts[done:]
