"""What is done to a text before it is cut, in Python; `graph_normalization` is its twin."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from keras_attention.errors import InputError
from keras_attention.text.unicode_version import MAPPED

FORMS = ("nfc", "nfd", "nfkc")

WHITE_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters of Unicode's White_Space; they can stand in a regular expression's brackets.

`str.split` and TensorFlow's operations each cut at other characters, so neither is asked.
"""

INVISIBLE = "\u061c\u200b\u200e\u200f\u2060\ufeff"
"""Characters without a width that mean nothing at the ends of a text: three marks of direction,
the zero width space, the word joiner and the byte order mark."""

EDGES = WHITE_SPACE + INVISIBLE
"""What `Normalizer(strip=True)` removes at the ends of a text."""

_MAPPED = re.compile(f"[{MAPPED}]+")


@dataclass(frozen=True)
class Normalizer:
    """A Unicode normal form (https://www.unicode.org/reports/tr15/), lower case and stripping.

    Equal-looking texts become equal: "nfc" composes letters and their marks, "nfd" takes them
    apart (a Hangul syllable becomes its letters), "nfkc" also replaces what is a letter's other
    shape ("ﬁ", "Ａ", "①"). Lower-casing comes between two normalizations: the first makes letters
    of such shapes, the second joins what lower case makes joinable ("J̌" has no composed form, "ǰ"
    has one). Stripping comes last, since "nfkc" makes spaces of other characters. A text that is
    normalized does not change when it is normalized again.

    Args:
        form: "nfc", "nfd" or "nfkc".
        lowercase: whether to lower-case, as `lower_points` does.
        strip: whether to remove the characters of `EDGES` at both ends.

    Raises:
        InputError: if there is no such form.

    Example:
        >>> Normalizer("nfkc", lowercase=True, strip=True)("\ufeff Ｃａｆｅ\u0301 №\u3000")
        'café no'
    """

    form: str = "nfc"
    lowercase: bool = False
    strip: bool = False

    def __post_init__(self) -> None:
        """Check the form."""
        if self.form not in FORMS:
            raise InputError(
                f"A normalization must be one of {', '.join(map(repr, FORMS))}. "
                f"Received: {self.form!r}."
            )

    def __call__(self, text: str) -> str:
        """Return the text in the form."""
        text = self.normalize_beginning(text)
        return text.rstrip(EDGES) if self.strip else text

    def normalize_beginning(self, text: str) -> str:
        """Return the beginning of a longer text in the form, without stripping its end."""
        text = normalize(text, self.form)
        if self.lowercase:
            text = normalize(lower_points(text), self.form)
        return text.lstrip(EDGES) if self.strip else text


def is_blank(text: str) -> bool:
    r"""Return whether a text holds nothing but white space and the characters of `EDGES`.

    Example:
        >>> is_blank(" \u200b\u00a0"), is_blank("\u200ba")
        (True, False)
    """
    return not text.strip(EDGES).strip()


def normalize(text: str, form: str) -> str:
    """Return the text in the normal form "nfc", "nfd" or "nfkc" of Unicode 13.0.

    Later characters stay as they are, whatever version the running Python has.
    """
    if text.isascii():
        return text
    name = form.upper()
    # What is not mapped joins with nothing, so the runs between can be normalized by themselves.
    return _MAPPED.sub(lambda run: unicodedata.normalize(name, run[0]), text)  # type: ignore[arg-type]


def lower_points(text: str) -> str:
    r"""Return `str.lower` of each code point by itself, as Unicode 13.0 has it.

    That is `str.lower` but for a Σ at the end of a word, which becomes σ like any other: a table of
    code points, such as a graph has, cannot look at the letters around it.

    Example:
        >>> lower_points("ΟΔΟΣ"), lower_points("İ") == "i\u0307"
        ('οδοσ', True)
    """
    return _MAPPED.sub(lambda run: run[0].lower(), text.replace("Σ", "σ"))
