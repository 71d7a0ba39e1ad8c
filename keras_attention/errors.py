"""The errors about input that cannot be used."""

from collections.abc import Iterable
from numbers import Integral


class InputError(ValueError):
    """Something the user gave cannot be used: a file, a recipe, a model folder, a line of text.

    The message is one clear sentence: it names the thing, with file and line where there is one,
    what was expected and what came. The command line prints it and exits with code 2.

    Example:
        >>> raise InputError("pairs.tsv, line 3: expected 2 columns. Received: 1.")
        Traceback (most recent call last):
        ...
        keras_attention.errors.InputError: pairs.tsv, line 3: expected 2 columns. Received: 1.
    """


class TextError(InputError):
    """An error about one of several texts, or pairs of texts, that cannot be used.

    Args:
        problem: what was expected and what was received.
        position: the place of the text among those that were given, counted from 0.
        noun: what the message calls it.

    Attributes:
        problem: the same.
        position: the same; the message counts from 1.

    Example:
        >>> error = TextError("expected at most 4 tokens with </s>. Received: 7.", 2)
        >>> str(error), str(error.at(0))[:7]
        ('text 3: expected at most 4 tokens with </s>. Received: 7.', 'text 1:')
    """

    def __init__(self, problem: str, position: int = 0, noun: str = "text") -> None:
        super().__init__(problem, position, noun)
        self.problem, self.position, self.noun = problem, position, noun

    def __str__(self) -> str:
        """Return the message, which counts positions from 1."""
        return f"{self.noun} {self.position + 1}: {self.problem}"

    def at(self, position: int) -> "TextError":
        """Returns the same error for another position."""
        return TextError(self.problem, position, self.noun)


class SettingError(ValueError):
    """A setting has a value that it may not have, alone or next to the others.

    Args:
        field: name of the setting.
        problem: what was expected and what was received; it continues the sentence that the name
            begins.

    Attributes:
        field: the same.
        problem: the same.

    Example:
        >>> error = SettingError("units", "must be even. Received: units=5.")
        >>> str(error), error.field
        ('`units` must be even. Received: units=5.', 'units')
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem

    def __str__(self) -> str:
        """Return the message, which begins with the setting's name."""
        return f"`{self.field}` {self.problem}"


def check_positive(**values: object) -> None:
    """Checks that arguments are positive integers.

    Args:
        **values: the arguments by name.

    Raises:
        ValueError: if one is not.

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
    """Returns the UTF-8 bytes of one of several texts.

    Raises:
        TextError: if it is not a string, or holds lone surrogates, as text has that was read with
            `errors="surrogateescape"`; at position 0.
    """
    if not isinstance(text, str):
        raise TextError(f"expected a string. Received: {_describe(text)}.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TextError(f"expected text of valid Unicode. Received: {text[:40]!r}.") from None


def check_texts(texts: object, name: str = "texts") -> Iterable[str]:
    """Returns an argument that is an iterable of texts, and not itself a text or bytes.

    Args:
        texts: the argument. Its items are not looked at; `encode_text` checks each as it comes.
        name: the argument's name, for the error.

    Raises:
        TypeError: if it is something else.

    Example:
        >>> check_texts(None)
        Traceback (most recent call last):
        ...
        TypeError: `texts` must be an iterable of strings. Received: None, of type NoneType.
    """
    if isinstance(texts, Iterable) and not isinstance(texts, (str, bytes, bytearray, memoryview)):
        return texts
    raise TypeError(f"`{name}` must be an iterable of strings. Received: {_describe(texts)}.")


def _describe(value: object) -> str:
    return f"{value!r:.60}, of type {type(value).__name__}"
