"""The note about lines with tokens that a model does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 40
"""Largest number of characters of a token that the note shows."""


@dataclass
class UnknownTokens:
    """Counts the lines with tokens that a model does not know, and remembers the first token.

    Attributes:
        lines: number of lines with such tokens.
        example: the first such token, quoted; "" if there is none.
        place: the place of its line, such as "in.txt, line 3".

    Example:
        >>> unknown = UnknownTokens()
        >>> unknown.add(["學"], "in.txt, line 3")
        >>> print(unknown.note(total=9))
        note: the model does not know some tokens, such as '學' (in.txt, line 3). Lines with such \
tokens: 1 of 9; their translations may be wrong.
    """

    lines: int = 0
    example: str = ""
    place: str = ""

    def add(self, tokens: Sequence[str] | None, place: str) -> None:
        """Count a line, if it has unknown tokens; None means that they cannot be determined."""
        if tokens:
            self.lines += 1
            if not self.example:
                self.example, self.place = f"{tokens[0][:_SHOWN]!r}", place

    def note(self, total: int) -> str:
        """Return the note to print after `total` lines, or "" if no line has unknown tokens."""
        if not self.lines:
            return ""
        where = f"{self.example} ({self.place})" if self.place else self.example
        known = f"note: the model does not know some tokens, such as {where}"
        if total == 1:
            return f"{known}; the translation may be wrong."
        return (
            f"{known}. Lines with such tokens: {self.lines} of {total}; their translations may be "
            "wrong."
        )
