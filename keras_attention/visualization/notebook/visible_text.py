"""Text in which every character is visible, and its width in columns."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np

# Blank characters that Unicode classifies as letters, symbols or marks: fillers, the blank Braille
# pattern, variation selectors.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)


# The letters that Hangul syllables decompose into. Most fonts draw a single one on a dotted circle.
_JAMO = re.compile("[\u1100-\u11ff]+")


def visible(text: str, space: str = "␣") -> str:
    """Make every character of a text visible.

    Args:
        text: the text.
        space: the replacement of spaces. Other invisible characters are escaped, and a combining
            mark at the start gets the base `◌`. Parts of Hangul syllables are shown as the letters
            of a Korean keyboard, such as `ㄴ`.
    """
    text = _JAMO.sub(_compose, text)
    shown = "".join(space if character == " " else _escaped(character) for character in text)
    return "◌" + shown if shown and _is_mark(shown[0]) else shown


def _escaped(character: str) -> str:
    if character in _BLANK or unicodedata.category(character)[0] in "CZ":
        return character.encode("unicode_escape").decode("ascii")
    return character


def _compose(jamo: re.Match[str]) -> str:
    """Compose the syllables in a run of jamo, and replace the rest by letters that stand alone."""
    return "".join(map(_letter, unicodedata.normalize("NFC", jamo[0])))


@cache
def _letter(character: str) -> str:
    """Return the Hangul letter that a jamo stands for; the character itself if there is none."""
    kind, _, name = unicodedata.name(character).removeprefix("HANGUL ").partition(" ")
    if kind not in ("CHOSEONG", "JUNGSEONG", "JONGSEONG"):
        return character
    try:
        return unicodedata.lookup(f"HANGUL LETTER {name}")
    except KeyError:  # a letter of old Korean
        return character


def _is_mark(character: str) -> bool:
    """Return whether a character combines with the one before it, as medial and final jamo do."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


def columns_of(text: str) -> int:
    """Return the number of terminal columns that a text occupies."""
    return sum(map(character_columns, text))


def character_columns(character: str) -> int:
    """Return the number of terminal columns of a character; 0 for a combining character."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, columns: int) -> str:
    """Shorten a text that is wider than `columns`, and end it with an ellipsis."""
    return text if columns_of(text) <= columns else _start(text, columns - 1).rstrip() + "…"


def shorten_middle(text: str, columns: int) -> str:
    """Replace the middle of a text that is wider than `columns` by an ellipsis.

    The end stays, because long tokens often differ only there.
    """
    if columns_of(text) <= columns:
        return text
    kept = (columns - 1) // 2
    end = len(text)
    while columns_of(text[end - 1 :]) <= kept:
        end -= 1
    while end < len(text) and not character_columns(text[end]):
        end += 1  # a combining mark needs its base character
    return f"{_start(text, columns - 1 - kept)}…{text[end:]}"


def _start(text: str, columns: int) -> str:
    ends = np.cumsum([character_columns(character) for character in text])
    return text[: int(np.searchsorted(ends, columns, side="right"))]
