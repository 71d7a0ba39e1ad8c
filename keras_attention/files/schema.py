"""Checks of our JSON files, each declared by its keys, their types and their ranges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, NoReturn, TypeAlias

from keras_attention.errors import InputError, SettingError
from keras_attention.settings.setting import Setting

_SHOWN = 40
"""Number of characters of an invalid value that an error shows."""


@dataclass(frozen=True)
class Kind:
    """A kind of JSON value.

    Attributes:
        expected: The kind's name in errors, such as "an integer of at least 1".
        fits: Returns whether a value is of this kind.
        required: Whether the key must be present. A value that is present is always checked.
    """

    expected: str
    fits: Callable[[Any], bool]
    required: bool = True


Keys: TypeAlias = Mapping[str, "Kind | Keys"]
"""The keys to read from a JSON object. Other keys are ignored: newer versions may add some."""


@dataclass(frozen=True)
class JsonFile:
    """A kind of JSON file that we write.

    Attributes:
        name: The file's description in errors, such as "the manifest that `export` writes".
        keys: Its keys, without `format`, which is checked if `version` is given.
        version: The only accepted value of the key `format`; None if the file has no such key.
        finite: Whether to reject NaN and the infinities, which are not valid JSON.

    Example:
        >>> notes = JsonFile("notes", {"batch": integer(1)})
        >>> notes.parse(b'{"batch": 64, "new": true}', "notes.json")
        {'batch': 64, 'new': True}
        >>> notes.parse(b'{"batch": 0}', "notes.json")
        Traceback (most recent call last):
        ...
        keras_attention.errors.InputError: notes.json: damaged, expected notes with `batch` as an \
integer of at least 1. Received: 0.
    """

    name: str
    keys: Keys
    version: int | None = None
    finite: bool = True

    def parse(self, file_bytes: bytes, where: str) -> dict[str, Any]:
        """Parse the content of a file, check it and return its object.

        Raises:
            InputError: If it is not a JSON object, has a different format, lacks a key, or has a
                value of the wrong kind.
        """
        value = parse_json(file_bytes, where, self.name, finite=self.finite)
        if not isinstance(value, dict):
            raise InputError(f"{where}: damaged, expected {self.name}. Received: {_show(value)}.")
        if self.version is not None:
            self._check(value, {"format": integer()}, where)
            if value["format"] != self.version:
                raise InputError(
                    f"{where}: expected format {self.version}, the only one that this version "
                    f"reads. Received: {value['format']}."
                )
        self.check(value, where)
        return value

    def check(self, value: Mapping[str, Any], where: str) -> None:
        """Check the keys of an object that is already parsed."""
        self._check(value, self.keys, where)

    def _check(self, value: Mapping[str, Any], keys: Keys, where: str, prefix: str = "") -> None:
        for name, kind in keys.items():
            key, found = f"{prefix}{name}", value.get(name)
            if isinstance(kind, Mapping):
                if not isinstance(found, dict):
                    self._reject(where, key, "an object", name in value, found)
                self._check(found, kind, where, f"{key}.")
            elif name not in value and not kind.required:
                continue
            elif name not in value or not kind.fits(found):
                self._reject(where, key, kind.expected, name in value, found)

    def _reject(self, where: str, key: str, expected: str, present: bool, found: Any) -> NoReturn:
        received = _show(found) if present else "no such key"
        raise InputError(
            f"{where}: damaged, expected {self.name} with `{key}` as {expected}. "
            f"Received: {received}."
        )


def format_json(value: Any) -> bytes:
    """Return the content of a JSON file: a key per line, with a line end after the last line."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def parse_json(file_bytes: bytes | str, where: str, expected: str, *, finite: bool = True) -> Any:
    """Return the value of a JSON text.

    Args:
        file_bytes: The text, or its UTF-8 bytes.
        where: The file's name in errors.
        expected: What was expected, for errors.
        finite: Whether to reject NaN and the infinities.

    Raises:
        InputError: If it is not JSON in UTF-8, has an integer of thousands of digits, or is nested
            too deeply.
    """
    try:
        text = file_bytes if isinstance(file_bytes, str) else file_bytes.decode("utf-8-sig")
        return json.loads(text, parse_constant=_reject_constant if finite else float)
    except RecursionError:
        reason = "JSON that is nested too deeply"
    except UnicodeDecodeError:
        reason = "bytes that are not UTF-8"
    except json.JSONDecodeError as error:
        found = f"text that is not JSON at line {error.lineno}, column {error.colno}"
        reason = found if file_bytes else "an empty file"
    except ValueError:
        reason = "a number that is not valid JSON or has too many digits"
    raise InputError(f"{where}: damaged, expected {expected}. Received: {reason}.")


def integer(least: int | None = None, most: int | None = None) -> Kind:
    """Return the kind of integers in a range; true and 1.0 are not integers."""
    return Kind(
        "an integer" + _range(least, most),
        lambda value: type(value) is int and _within(value, least, most),
    )


def real() -> Kind:
    """Return the kind of all numbers, including NaN and the infinities."""
    return Kind("a number", lambda value: type(value) in (int, float))


def number(least: float | None = None, most: float | None = None) -> Kind:
    """Return the kind of finite numbers in a range."""
    return Kind(
        "a finite number" + _range(least, most),
        lambda value: (
            type(value) in (int, float) and is_finite(value) and _within(value, least, most)
        ),
    )


def flag() -> Kind:
    """Return the kind of true and false."""
    return Kind("true or false", lambda value: type(value) is bool)


def text(choices: Collection[str] = ()) -> Kind:
    """Return the kind of strings; if there are choices, only these are valid."""
    expected = f"one of {', '.join(map(repr, choices))}" if choices else "a string"
    return Kind(expected, lambda value: type(value) is str and (not choices or value in choices))


def declared(setting: Setting) -> Kind:
    """Return the kind of the values of a setting."""

    def fits(value: Any) -> bool:
        try:
            setting.check(value)
        except SettingError:
            return False
        return True

    return Kind(setting.expected, fits)


def list_of(kind: Kind) -> Kind:
    """Return the kind of lists in which every item is of the given kind."""
    return Kind(
        f"a list, every item {kind.expected}",
        lambda value: type(value) is list and all(map(kind.fits, value)),
    )


def dictionary_of(kind: Kind) -> Kind:
    """Return the kind of objects with arbitrary keys whose values are all of the given kind."""
    return Kind(
        f"an object, every value {kind.expected}",
        lambda value: type(value) is dict and all(map(kind.fits, value.values())),
    )


def nullable(kind: Kind) -> Kind:
    """Return a kind that also accepts null."""
    return Kind(
        f"{kind.expected}, or null",
        lambda value: value is None or kind.fits(value),
        kind.required,
    )


def optional(kind: Kind) -> Kind:
    """Return a kind whose key may be missing."""
    return Kind(kind.expected, kind.fits, required=False)


def is_finite(value: Real) -> bool:
    """Return whether a number is finite as a float, unlike NaN and integers that are too large."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer above the largest float
        return False


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range(least: float | None, most: float | None) -> str:
    if most is None:
        return "" if least is None else f" of at least {least}"
    return f" of at most {most}" if least is None else f" from {least} to {most}"


def _show(value: Any) -> str:
    if isinstance(value, (dict, list)):
        kind = "object" if isinstance(value, dict) else "list"
        return f"{'a' if kind == 'list' else 'an'} {kind}" if value else f"an empty {kind}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "an integer of more than 128 bits"
    shown = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)
