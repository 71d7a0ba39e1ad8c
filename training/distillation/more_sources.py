"""Source texts without targets, which teachers translate besides a recipe's training sources."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from keras_attention.errors import InputError, TextError
from keras_attention.files.patterns import matching_files
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank
from keras_attention.text.source_features import SourceFeatures

from ..data.pair_files import filled_lines


def read_sources(file: str, features: SourceFeatures) -> list[str]:
    r"""Return the lines of a file, each different line once.

    Empty lines at the end of a file are not read.

    Args:
        file: the file, or a pattern that matches several files.
        features: the source features of the teachers. Each line carries them as tags.

    Raises:
        InputError: if a file cannot be read or has no text, if no file matches, or if a line is
            empty, is not UTF-8 or does not carry the features.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "words.txt")
        >>> _ = path.write_text("one\ntwo\none\n")
        >>> read_sources(str(path), SourceFeatures())
        ['one', 'two']
    """
    paths = matching_files(file)
    return list(dict.fromkeys(chain.from_iterable(_read(path, features) for path in paths)))


def _read(path: str, features: SourceFeatures) -> Iterator[str]:
    for number, line in enumerate(filled_lines(read_lines(path), path), start=1):
        if is_blank(features.text_of(line)):
            raise InputError(f"{path}, line {number}: expected text. Received: {line!r}.")
        try:
            features.encode(line)
        except TextError as error:
            raise InputError(f"{path}, line {number}: {error.problem}") from None
        yield line
