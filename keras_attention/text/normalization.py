"""What is done to a text before it is cut, in Python; `graph_normalization` is its twin."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from keras_attention.errors import InputError

FORMS = ("nfc", "nfd", "nfkc")


@dataclass(frozen=True)
class Normalizer:
    """A Unicode normal form (https://www.unicode.org/reports/tr15/), and lower case or not.

    Equal-looking texts become equal: "nfc" composes letters and their marks, "nfd" takes them
    apart (a Hangul syllable becomes its letters), "nfkc" also replaces what is a letter's other
    shape ("ﬁ", "Ａ", "①"). Lower-casing comes between two normalizations: the first makes letters
    of such shapes, the second joins what lower case makes joinable ("J̌" has no composed form, "ǰ"
    has one).

    Args:
        form: "nfc", "nfd" or "nfkc".
        lowercase: whether to lower-case, as `lower_points` does.

    Raises:
        InputError: if there is no such form.

    Example:
        >>> Normalizer("nfkc", lowercase=True)("Ｃａｆｅ\u0301 №")
        'café no'
    """

    form: str = "nfc"
    lowercase: bool = False

    def __post_init__(self) -> None:
        """Checks the form."""
        if self.form not in FORMS:
            raise InputError(
                f"A normalization must be one of {', '.join(map(repr, FORMS))}. "
                f"Received: {self.form!r}."
            )

    def __call__(self, text: str) -> str:
        """Returns the text in the form."""
        text = normalize(text, self.form)
        return normalize(lower_points(text), self.form) if self.lowercase else text


def normalize(text: str, form: str) -> str:
    """Returns the text in the normal form "nfc", "nfd" or "nfkc"."""
    return unicodedata.normalize(form.upper(), text)  # type: ignore[arg-type]


def lower_points(text: str) -> str:
    r"""Returns `str.lower` of each code point by itself.

    That is `str.lower` but for a Σ at the end of a word, which becomes σ like any other: a table of
    code points, such as a graph has, cannot look at the letters around it.

    Example:
        >>> lower_points("ΟΔΟΣ"), lower_points("İ") == "i\u0307"
        ('οδοσ', True)
    """
    return text.replace("Σ", "σ").lower()
