"""Notes about signs that a table of pairs is read with the wrong layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .tables import NAMES, Layout

_NEARLY_ALL = 0.9
_QUOTED = re.compile(r'\s*"(?:[^"]|"")*"\s*', re.DOTALL)
_SPACED = re.compile(r'\s+"')
_DOUBLED = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
_SEPARATORS = re.compile(r"[\s_()-]+")

_ROLES = (
    "source target src tgt trg input output text sentence translation original lemma word form "
    "inflection features tags pronunciation phones phonemes graphemes ipa question answer query "
    "label id lang language"
)
_LANGUAGES = (
    "arabic chinese czech danish dutch english estonian finnish french german greek hebrew hindi "
    "hungarian icelandic indonesian italian japanese korean latin norwegian persian polish "
    "portuguese romanian russian spanish swedish thai turkish ukrainian vietnamese deutsch español "
    "français italiano ar cs da de el en es fi fr he hi hu it ja ko nl pl pt ro ru sv th tr uk vi "
    "zh eng deu fra spa ita jpn kor rus por"
)
_COLUMN_NAMES = frozenset((*_ROLES.split(), *_LANGUAGES.split()))


class TableNotes:
    """Counts signs of a wrong layout in each row, and describes them at the end.

    Args:
        name: the name of the file in notes.
        layout: the layout with which the file is read.
        places: the columns of source and target, counted from 0.
        names: the fields of the header, if there is one.
    """

    def __init__(
        self, name: str, layout: Layout, places: tuple[int, int], names: Sequence[str] = ()
    ) -> None:
        self._name, self._layout, self._places, self._names = name, layout, places, names
        self._first: tuple[str, str] | None = None
        self._rows = self._further = self._quoted = self._doubled = 0
        self._numbers = self._line_feeds = self._returns = self._spaced = self._longer = 0
        self._first_longer = 0
        self._marks = {mark: set[int]() for mark in "\t;" if mark != layout.delimiter}

    def add(self, row: list[str], pair: tuple[str, str], line: int) -> None:
        """Count the signs in a row and in the pair read from it.

        Args:
            row: the fields of the row.
            pair: source and target.
            line: the number of the line where the row begins.
        """
        if self._first is None:
            self._first = pair
        self._rows += 1
        self._further += any(map(str.strip, row[2:]))
        self._numbers += pair[0].strip().isdecimal()
        if '"' in pair[0] or '"' in pair[1]:
            self._quoted += any(_QUOTED.fullmatch(text) for text in pair)
            self._doubled += any(_DOUBLED.fullmatch(text) for text in pair)
        self._returns += "\r" in pair[0] or "\r" in pair[1]
        if self._names and any(map(str.strip, row[len(self._names) :])):
            self._longer += 1
            self._first_longer = self._first_longer or line
        if self._layout.quoted:
            self._line_feeds += sum("\n" in row[place] for place in self._places)
            self._spaced += any(map(_SPACED.match, row))
            for mark, counts in self._marks.items():
                counts.add(sum(field.count(mark) for field in row))

    def lines(self) -> Iterator[str]:
        """Yield each note, a sentence that names the file."""
        yield from self._of_quotes()
        yield from self._of_header()
        yield from self._of_columns()
        yield from self._of_delimiter()
        if self._line_feeds:
            yield f"{self._name}: {self._line_feeds} fields have line feeds, read as spaces."
        if self._returns and not self._layout.quoted:
            yield note_of_returns(self._name, self._returns)

    def _of_quotes(self) -> Iterator[str]:
        if self._spaced and not self._quoted:
            yield (
                f"{self._name}: {self._spaced} of {self._rows} rows have a space before a quote, "
                "so the quote does not start a quoted field; remove such spaces."
            )
        nearly_all = self._rows and self._quoted >= _NEARLY_ALL * self._rows
        if not nearly_all and (self._layout.quoted or not self._doubled):
            return
        count = self._quoted if nearly_all else self._doubled
        remedy = "data.format='csv' with data.delimiter='\\t' reads quoted fields"
        if self._layout.quoted:
            remedy = "remove spaces before a quote that starts a field"
        yield (
            f"{self._name}: {count} of {self._rows} pairs have fields in double quotes, which are "
            f"read as text; {remedy}."
        )

    def _of_header(self) -> Iterator[str]:
        if self._layout.header or self._first is None:
            return
        source, target = self._first
        if source.startswith("#"):
            yield (
                f"{self._name}, line 1: starts with '#' and is read as a pair; if it is a comment, "
                "remove it."
            )
        if _names_column(source) and _names_column(target) and source != target:
            yield (
                f"{self._name}, line 1: {source!r} and {target!r} look like a header and are read "
                "as a pair; data.header=true skips it."
            )

    def _of_delimiter(self) -> Iterator[str]:
        between = NAMES.get(self._layout.delimiter, repr(self._layout.delimiter))
        for mark, counts in self._marks.items():
            if self._rows > 1 and len(counts) == 1 and min(counts):
                yield (
                    f"{self._name}: every row has the same number of {NAMES[mark]}s "
                    f"({min(counts)}); set data.delimiter={mark!r} if they separate the columns."
                )
        if self._longer:
            yield (
                f"{self._name}: {self._longer} of {self._rows} rows have more fields than the "
                f"header, the first on line {self._first_longer}; a {between} inside a field moves "
                "the following fields."
            )

    def _of_columns(self) -> Iterator[str]:
        if self._layout.chooses:
            return
        facts = []
        if self._further:
            facts.append(
                f"{self._further} of {self._rows} rows have more than the two columns that are read"
            )
        if self._rows > 1 and self._numbers >= self._rows - 1:  # one row may be a header
            facts.append(f"{self._numbers} of {self._rows} sources are numbers")
        if facts:
            yield (
                f"{self._name}: {', and '.join(facts)}; set data.source_column and "
                "data.target_column to choose others, or to 1 and 2 if these are right."
            )


def note_of_returns(name: str, count: int) -> str:
    """Return a sentence about lines that have carriage returns before their end."""
    return (
        f"{name}: carriage returns inside lines are read as text (lines that have them: {count}); "
        "if they are line ends, convert all line ends to line feeds."
    )


def _names_column(text: str) -> bool:
    words = [word for word in _SEPARATORS.split(text.strip(' "').casefold()) if word]
    return bool(words) and _COLUMN_NAMES.issuperset(words)
