"""The texts in normal form C among those that match a pattern.

A tokenizer writes its tokens in normal form C, which composes a letter with a mark that follows it.
A text that this changes might not match the pattern afterwards, so it is left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import cache
from typing import NamedTuple

from keras_attention.text.normalization import normalize
from keras_attention.translation.outputs.pattern import Pattern, State

_LETTERS = range(0x1161, 0x1176), range(0x11A8, 0x11C3)
"""The vowels and final consonants of Hangul, which compose by a rule."""

_LAST = 0x30000
"""The end of the planes of Unicode with characters that compose."""


Kind = tuple[int, str]
"""A class of characters: its number in the pattern, and the character itself if it may compose."""


class TextState(NamedTuple):
    """The state after some characters of a text.

    Attributes:
        state: the state in the pattern.
        letter: the last character that marks may compose with, or "".
        order: the combining class of the mark at the end of the text; 0 without a mark.
    """

    state: State
    letter: str = ""
    order: int = 0


class ComposedTexts:
    """An automaton over characters: texts that match a pattern and are in normal form C.

    Args:
        expression: the regular expression.
        characters: the characters that a text may contain.

    Attributes:
        start: the state of an empty text.
        kinds: the class of each character; the characters of a class are interchangeable.

    Raises:
        OptionError: if the expression is invalid, not supported or too large.

    Example:
        >>> texts = ComposedTexts(".*", "e\u0301x")
        >>> texts.after(texts.after(texts.start, "e"), "\u0301") is None  # it would become é
        True
        >>> texts.after(texts.after(texts.start, "x"), "\u0301") is None
        False
    """

    def __init__(self, expression: str, characters: Collection[str]) -> None:
        self._pattern = Pattern(expression, characters)
        self._marks = frozenset(each for each in characters if _may_join(each))
        letters = {each for each in characters if self._is_letter(each)}
        special = self._marks | letters
        self._letters = letters
        self.kinds: dict[str, Kind] = {
            each: (kind, each if each in special else "")
            for each, kind in self._pattern.kinds.items()
        }
        self.start = TextState(self._pattern.start)

    @property
    def composes(self) -> bool:
        """Whether some characters may compose with others."""
        return bool(self._letters)

    def after(self, before: TextState, character: str) -> TextState | None:
        """Return the state after one more character, or None if no text continues so."""
        state = self._pattern.after(before.state, character)
        if not state:
            return None
        if not self._marks:
            return TextState(state)
        order = unicodedata.combining(character)
        # A mark in between prevents composing, unless its class is below that of this character.
        apart = before.order > 0 and before.order >= order
        changes = _changes(character) or (not apart and _changes(before.letter + character))
        if changes or 0 < order < before.order:
            return None
        if order:
            return TextState(state, before.letter, order)
        return TextState(state, character if character in self._letters else "")

    def accepts(self, state: TextState) -> bool:
        """Return whether the text so far matches."""
        return self._pattern.accepts(state.state)

    def _is_letter(self, character: str) -> bool:
        """Return whether a mark may change the character."""
        return any(_changes(character + mark) for mark in self._marks)


def _may_join(character: str) -> bool:
    """Return whether normal form C may change a character, alone or after another character."""
    return not character.isascii() and (
        unicodedata.combining(character) > 0 or character in _second_parts() or _changes(character)
    )


def _changes(text: str) -> bool:
    """Return whether a text is not in normal form C."""
    return normalize(text, "nfc") != text


@cache
def _second_parts() -> frozenset[str]:
    """Return the characters that are the second part of a composed character."""
    parts = [unicodedata.decomposition(chr(point)).split() for point in range(_LAST)]
    pairs = (each for each in parts if len(each) == 2 and not each[0].startswith("<"))
    letters = {chr(point) for points in _LETTERS for point in points}
    return frozenset({chr(int(second, 16)) for _, second in pairs} | letters)
