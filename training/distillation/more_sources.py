"""Source texts without targets, which teachers translate besides a recipe's training sources."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from keras_attention.errors import InputError, TextError
from keras_attention.files.patterns import matching_files
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank
from keras_attention.text.source_features import SourceFeatures


def read_sources(file: str, features: SourceFeatures) -> list[str]:
    r"""Return the lines of a file, each different line once.

    Args:
        file: the file, or a pattern that matches several files.
        features: the source features of the teachers. Each line carries them as tags.

    Raises:
        InputError: if a file cannot be read or has no line, no file matches, or a line is blank,
            is not UTF-8 or does not carry the features.

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
    number = 0
    for number, line in enumerate(read_lines(path), start=1):
        if is_blank(features.text_of(line)):
            raise InputError(f"{path}, line {number}: expected a text. Received: {line!r}.")
        try:
            features.encode(line)
        except TextError as error:
            raise InputError(f"{path}, line {number}: {error.problem}") from None
        yield line
    if not number:
        raise InputError(f"{path}: expected a text on each line. Received: an empty file.")
