"""A regular expression as an automaton over characters.

Python's own parser reads the expression, and its matcher classifies the characters, so both have
the same meaning as in `re.fullmatch`. Only private modules give access to the parsed expression:
`re._parser` and `re._compiler`, before Python 3.11 `sre_parse` and `sre_compile`. A new version of
Python may change them; the tests of this module then fail.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any

from keras_attention.errors import OptionError

if sys.version_info >= (3, 11):
    from re import _compiler, _parser  # type: ignore[attr-defined]
else:
    import sre_compile as _compiler
    import sre_parse as _parser

MOST_PLACES = 20_000
"""The largest number of places in an expression, with each repetition counted."""

_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
"""Parts of an expression that match one character."""

_EDGES = ("AT_BEGINNING", "AT_BEGINNING_STRING"), ("AT_END", "AT_END_STRING")
"""Anchors that always hold at the beginning and at the end of an expression."""

State = frozenset[int]
"""The places in an expression that can be reached by the characters read so far."""


class Pattern:
    r"""The automaton of Thompson (1968), whose states are the sets of places in an expression.

    Args:
        expression: a regular expression in the syntax of `re` that the whole text must match.
            Back-references, look-around, word boundaries, atomic groups and possessive quantifiers
            are not supported.
        characters: the characters that a text may contain.

    Attributes:
        start: the state of an empty text.
        kinds: the class of each character; the characters of a class are interchangeable.

    Raises:
        OptionError: if the expression is invalid, not supported or too large.

    Example:
        >>> pattern = Pattern(r"\d+-?", "0123456789-ab")
        >>> state = pattern.start
        >>> for character in "12-":
        ...     state = pattern.after(state, character)
        >>> pattern.accepts(state), pattern.accepts(pattern.after(state, "a"))
        (True, False)

    Reference: https://doi.org/10.1145/363347.363387
    """

    def __init__(self, expression: str, characters: Iterable[str]) -> None:
        self._expression = expression
        self._moves: list[list[tuple[int, int]]] = []  # from each place, a test and the next place
        self._free: list[list[int]] = []  # places reached without a character
        self._tests: dict[tuple[str, int], tuple[int, Any]] = {}
        self._known: dict[tuple[State, int], State] = {}
        parsed = self._parse()
        parts = _without_edges(list(parsed))
        first = self._add()
        self._last = self._build(parts, parsed.state.flags, first)
        self.start = self._reached([first])
        passed = {each: self._passed(each) for each in set(characters)}
        kinds = {tests: kind for kind, tests in enumerate(sorted(set(passed.values())))}
        self.kinds = {each: kinds[tests] for each, tests in passed.items()}
        self._tests_of = [frozenset(tests) for tests in kinds]

    def after(self, state: State, character: str) -> State:
        """Return the state after one more character; it is empty if no text continues so."""
        kind = self.kinds[character]
        if (state, kind) not in self._known:
            passed = self._tests_of[kind]
            moves = (move for place in state for move in self._moves[place])
            self._known[state, kind] = self._reached(to for test, to in moves if test in passed)
        return self._known[state, kind]

    def accepts(self, state: State) -> bool:
        """Return whether the text so far matches."""
        return self._last in state

    def _parse(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return _parser.parse(self._expression)
        except (re.error, Warning, RecursionError, OverflowError) as error:
            raise self._error(f"must be a valid regular expression: {error}") from None

    def _error(self, rule: str) -> OptionError:
        return OptionError("pattern", rule.translate(_BRACES), pattern=repr(self._expression))

    def _build(self, parts: Iterable[tuple[Any, Any]], flags: int, place: int) -> int:
        """Add places for parts that begin at a place, and return the place where they end."""
        for operation, argument in parts:
            name = operation.name
            if name in _SINGLE:
                test, before = self._test(operation, argument, flags), place
                place = self._add()
                self._moves[before].append((test, place))
            elif name == "SUBPATTERN":
                _, added, removed, inner = argument
                combined = _compiler._combine_flags(flags, added, removed)
                place = self._build(inner, combined, place)
            elif name == "BRANCH":
                place = self._branch(argument[1], flags, place)
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                least, most, inner = argument
                place = self._repeat(least, most, inner, flags, place)
            else:
                raise self._error(
                    "must match the whole output, without anchors inside, word boundaries, "
                    "look-around, back-references, atomic groups and possessive quantifiers"
                )
        return place

    def _branch(self, choices: Iterable[Any], flags: int, place: int) -> int:
        end = self._add()
        for choice in choices:
            first = self._add()
            self._free[place].append(first)
            self._free[self._build(choice, flags, first)].append(end)
        return end

    def _repeat(self, least: int, most: int, inner: Any, flags: int, place: int) -> int:
        for _ in range(least):
            if (after := self._build(inner, flags, place)) == place:
                return place  # the repeated part is empty
            place = after
        end = self._add()
        self._free[place].append(end)
        if most == _parser.MAXREPEAT:
            self._free[self._build(inner, flags, end)].append(end)
            return end
        for _ in range(most - least):
            if (after := self._build(inner, flags, place)) == place:
                break
            place = after
            self._free[place].append(end)
        return end

    def _add(self) -> int:
        if len(self._moves) == MOST_PLACES:
            raise self._error(f"must have at most {MOST_PLACES} places, repetitions counted")
        self._moves.append([])
        self._free.append([])
        return len(self._moves) - 1

    def _test(self, operation: Any, argument: Any, flags: int) -> int:
        """Return the number of the compiled test for a part that matches one character."""
        key = f"{operation} {argument}", flags
        if key not in self._tests:
            part = _parser.SubPattern(_parser.State(), [(operation, argument)])
            self._tests[key] = len(self._tests), _compiler.compile(part, flags)
        return self._tests[key][0]

    def _passed(self, character: str) -> tuple[int, ...]:
        tests = self._tests.values()
        return tuple(number for number, test in tests if test.fullmatch(character))

    def _reached(self, places: Iterable[int]) -> State:
        """Return the places and all places that can be reached from them without a character."""
        found, waiting = set[int](), list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += self._free[place]
        return frozenset(found)


_BRACES = {ord("{"): "{{", ord("}"): "}}"}
"""Escapes for the braces in an error about an expression, because `OptionError` formats it."""


def _without_edges(parts: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Remove the anchors at the beginning and at the end, where they always hold."""
    begins, ends = _EDGES
    while parts and getattr(parts[0][1], "name", "") in begins:
        parts = parts[1:]
    while parts and getattr(parts[-1][1], "name", "") in ends:
        parts = parts[:-1]
    return parts
