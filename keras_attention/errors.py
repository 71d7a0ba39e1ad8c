"""Errors about invalid input, and the checks that raise them."""

import difflib
from collections.abc import Callable, Collection, Iterable
from functools import partial
from numbers import Integral
from string import Formatter
from typing import Any

_NEAR = 0.6
"""Minimum similarity of a suggested name to the unknown name, in [0, 1]; `difflib`'s default."""


class InputError(ValueError):
    """An error about a user's input: a file, a recipe, a model folder or a line of text.

    The message is one line. It names the input, with its file and line if there is one, what was
    expected and what was received. The command line prints it and exits with code 2.

    Example:
        >>> raise InputError("pairs.tsv, line 3: expected 2 columns. Received: 1.")
        Traceback (most recent call last):
        ...
        keras_attention.errors.InputError: pairs.tsv, line 3: expected 2 columns. Received: 1.
    """


class TextError(InputError):
    """An error about one text, or one pair of texts, in a batch.

    Args:
        problem: what was expected and what was received.
        position: index of the text in the batch, from 0. The message counts from 1.
        noun: what the message calls the item, such as "text" or "pair".

    Example:
        >>> error = TextError("expected at most 4 tokens including </s>. Received: 7.", 2)
        >>> str(error), str(error.at(0))[:7]
        ('text 3: expected at most 4 tokens including </s>. Received: 7.', 'text 1:')
    """

    def __init__(self, problem: str, position: int = 0, noun: str = "text") -> None:
        super().__init__(problem, position, noun)
        self.problem, self.position, self.noun = problem, position, noun

    def __str__(self) -> str:
        """Return the message; it counts positions from 1."""
        return f"{self.noun} {self.position + 1}: {self.problem}"

    def at(self, position: int) -> "TextError":
        """Return the same error for another position."""
        return TextError(self.problem, position, self.noun)


class SettingError(ValueError):
    """An error about a setting whose value is invalid, alone or in combination with others.

    Args:
        field: name of the setting.
        problem: what was expected and what was received. In the message it follows the name.

    Example:
        >>> error = SettingError("units", "must be even. Received: units=5.")
        >>> str(error), error.field
        ('`units` must be even. Received: units=5.', 'units')
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem

    def __str__(self) -> str:
        """Return the message; it begins with the setting's name."""
        return f"`{self.field}` {self.problem}"


class OptionError(SettingError, InputError):
    """An error about an option whose value is invalid, alone or in combination with others.

    Args:
        field: name of the option in Python, such as a field of `SearchOptions`.
        rule: what was expected. In the message it follows the name. Names of other options are in
            braces.
        **received: the options that break the rule, by name.

    Example:
        >>> error = OptionError("groups", "must divide {beam_width}", groups=3, beam_width=4)
        >>> str(error)
        '`groups` must divide `beam_width`. Received: groups=3, beam_width=4.'
        >>> error.named("decoding.{}".format)
        '`decoding.groups` must divide `decoding.beam_width`. Received: decoding.groups=3, \
decoding.beam_width=4.'
    """

    def __init__(self, field: str, rule: str, **received: object) -> None:
        self._rule, self._received = rule, received
        super().__init__(field, self._problem(str, "`", "="))

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, so that an error can be sent from another process."""
        return partial(OptionError, self.field, self._rule, **self._received), ()

    def named(self, name: Callable[[str], str], *, quote: str = "`", equals: str = "=") -> str:
        """Return the message for an interface that has its own names for options.

        Args:
            name: Maps the name of an option in `SearchOptions` to its name in the interface.
            quote: Quotes around names.
            equals: Separator between the name and the value of a received option.
        """
        return f"{quote}{name(self.field)}{quote} {self._problem(name, quote, equals)}"

    def _problem(self, name: Callable[[str], str], quote: str, equals: str) -> str:
        others = [option for _, option, *_ in Formatter().parse(self._rule) if option]
        rule = self._rule.format_map({each: f"{quote}{name(each)}{quote}" for each in others})
        received = [f"{name(option)}{equals}{value}" for option, value in self._received.items()]
        return f"{rule}. Received: {', '.join(received)}."


def check_positive(**values: object) -> None:
    """Check that arguments are positive integers.

    Example:
        >>> check_positive(batch_size=0)
        Traceback (most recent call last):
        ...
        ValueError: `batch_size` must be a positive integer. Received: batch_size=0.
    """
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}.")


def encode_text(text: object) -> bytes:
    """Return a text as UTF-8 bytes.

    Raises:
        TextError: if it is not a string, or contains lone surrogates, as text that was read with
            `errors="surrogateescape"` may. The error's position is 0.
    """
    if not isinstance(text, str):
        raise TextError(f"expected a string. Received: {_describe(text)}.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TextError(f"expected valid Unicode text. Received: {text[:40]!r}.") from None


def check_texts(texts: object, name: str = "texts") -> Iterable[str]:
    """Check that an argument is an iterable of texts, not a single text or bytes, and return it.

    Args:
        texts: the argument. Its items are not read; `encode_text` checks each of them later.
        name: the argument's name, for the error.

    Example:
        >>> check_texts(None)
        Traceback (most recent call last):
        ...
        TypeError: `texts` must be an iterable of strings. Received: None, of type NoneType.
    """
    if isinstance(texts, Iterable) and not isinstance(texts, (str, bytes, bytearray, memoryview)):
        return texts
    raise TypeError(f"`{name}` must be an iterable of strings. Received: {_describe(texts)}.")


def suggest(key: str, known: Collection[str], form: str = "'{}'") -> str:
    """Return "; the nearest is 'name'" for an error message, or "" if no name is similar.

    Args:
        key: An unknown key.
        known: The keys that exist. The last parts of dotted keys are compared first, to find the
            right name in a wrong section. An unknown key that is one word of a known key counts as
            similar to it.
        form: Format string for a key in the message.

    Example:
        >>> suggest("epohcs", ["training.epochs", "model.units"])
        "; the nearest is 'training.epochs'"
        >>> suggest("beam", ["min_length", "beam_width"])
        "; the nearest is 'beam_width'"
        >>> suggest("colour", ["training.epochs", "model.units"])
        ''
    """

    def similarity(candidate: str) -> tuple[float, float]:
        last_parts = key.rpartition(".")[2], candidate.rpartition(".")[2]
        return _ratio(*last_parts), _ratio(key, candidate)

    nearest = max(known, key=similarity)
    return f"; the nearest is {form.format(nearest)}" if similarity(nearest)[0] >= _NEAR else ""


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Check the names of keyword arguments.

    Example:
        >>> check_names(["beam"], ["beam_width", "length_penalty"])
        Traceback (most recent call last):
        ...
        TypeError: unknown argument 'beam'; the nearest is 'beam_width'.
    """
    for name in given:
        if name not in known:
            hint = suggest(name, known) or f"; expected one of {', '.join(known)}"
            raise TypeError(f"unknown argument {name!r}{hint}.")


def _ratio(key: str, candidate: str) -> float:
    ratio = difflib.SequenceMatcher(None, key, candidate).ratio()
    return max(ratio, _NEAR) if key in candidate.split("_") else ratio


def _describe(value: object) -> str:
    return f"{value!r:.60}, of type {type(value).__name__}"
