"""Sources without targets, which teachers translate besides a recipe's training sources."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from keras_attention.errors import InputError, TextError
from keras_attention.files.patterns import matching_files
from keras_attention.files.text_files import read_lines
from keras_attention.text.normalization import is_blank
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizers import Tokenizer

from ..data.pair_files import filled_lines
from ..data.pairs import Pair
from ..data.tables import one_line

_logger = logging.getLogger(__name__)


def read_sources(file: str, features: SourceFeatures) -> list[str]:
    r"""Return the sources in a file, one for each different line.

    Empty lines at the end of a file are not read.

    Args:
        file: the file, or a pattern that matches several files.
        features: the source features of the teachers. Each line carries them as tags.

    Raises:
        InputError: if a file cannot be read or has no text, if no file matches, or if a line is
            not UTF-8, is empty before the last text, or does not carry the features.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "words.txt")
        >>> _ = path.write_text("one\ntwo\none\n")
        >>> read_sources(str(path), SourceFeatures())
        ['one', 'two']
    """
    paths = matching_files(file)
    return list(dict.fromkeys(chain.from_iterable(_read(path, features) for path in paths)))


def new_sources(
    more: Sequence[str],
    training: Sequence[Pair],
    held_out: Iterable[str],
    tokenizer: Tokenizer,
) -> list[str]:
    """Return the sources that are neither training sources nor held out, each once.

    Sources are equal if they have the same features and the same normalized text.

    Args:
        more: sources without targets.
        training: the training pairs.
        held_out: the held-out sources.
        tokenizer: the source tokenizer of the teachers.
    """

    def read(source: str) -> tuple[str | None, ...]:
        features = tokenizer.features
        text = tokenizer.normalizer(features.text_of(source))
        return text, *features.values_of(source).values()

    new: dict[tuple[str | None, ...], str] = {}
    for source in more:
        new.setdefault(read(source), source)
    if not new:
        return []
    different = len(new)
    for source in chain(held_out, (source for source, _ in training)):
        new.pop(read(source), None)
    if skipped := different - len(new):
        _logger.log(
            logging.INFO if new else logging.WARNING,
            "%d of %d different sources in --sources are skipped, because they are training "
            "sources or held out",
            skipped,
            different,
        )
    return list(new.values())


def _read(path: str, features: SourceFeatures) -> Iterator[str]:
    for number, line in enumerate(map(one_line, filled_lines(read_lines(path), path)), start=1):
        if is_blank(features.text_of(line)):
            raise InputError(f"{path}, line {number}: expected text. Received: {line!r}.")
        try:
            features.encode(line)
        except TextError as error:
            raise InputError(f"{path}, line {number}: {error.problem}") from None
        yield line
