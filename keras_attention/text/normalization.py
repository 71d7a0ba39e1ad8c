"""Text normalization before tokenization; `graph_normalization` does the same in a graph."""

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
"""The characters of Unicode's White_Space, valid inside the brackets of a regular expression.

`str.split` and TensorFlow's operations split at other characters, so they cannot be used.
"""

INVISIBLE = "\u061c\u200b\u200e\u200f\u2060\ufeff"
"""Zero-width characters that have no meaning at the ends of a text: three direction marks, the
zero width space, the word joiner and the byte order mark."""

EDGES = WHITE_SPACE + INVISIBLE
"""The characters that `Normalizer(strip=True)` removes at the ends of a text."""

_MAPPED = re.compile(f"[{MAPPED}]+")


@dataclass(frozen=True)
class Normalizer:
    """A Unicode normal form (https://www.unicode.org/reports/tr15/), lower case and stripping.

    Texts that look equal become equal. "nfc" composes letters with their marks; "nfd" decomposes
    them (a Hangul syllable becomes its letters); "nfkc" composes, and also replaces variants of
    letters ("ﬁ", "Ａ", "①"). Lower-casing comes between two normalizations: the first replaces
    these variants, the second composes letters that can only be composed in lower case ("J̌" has no
    composed form, "ǰ" has one). Stripping comes last, because "nfkc" turns some characters into
    spaces. Normalizing a normalized text does not change it.

    Args:
        form: "nfc", "nfd" or "nfkc".
        lowercase: whether to lower-case, as `lower_points` does.
        strip: whether to remove the characters of `EDGES` at both ends.

    Raises:
        InputError: if the form is unknown.

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
                f"`normalization` must be one of {', '.join(map(repr, FORMS))}. "
                f"Received: {self.form!r}."
            )

    def __call__(self, text: str) -> str:
        """Return the normalized text."""
        text = self.normalize_beginning(text)
        return text.rstrip(EDGES) if self.strip else text

    def normalize_beginning(self, text: str) -> str:
        """Normalize the beginning of a longer text; do not strip its end."""
        text = normalize(text, self.form)
        if self.lowercase:
            text = normalize(lower_points(text), self.form)
        return text.lstrip(EDGES) if self.strip else text


def is_blank(text: str) -> bool:
    r"""Return whether a text contains only white space and the characters of `EDGES`.

    Example:
        >>> is_blank(" \u200b\u00a0"), is_blank("\u200ba")
        (True, False)
    """
    return not text.strip(EDGES).strip()


def normalize(text: str, form: str) -> str:
    """Return the text in the normal form "nfc", "nfd" or "nfkc" of Unicode 13.0.

    Characters that later versions added do not change, whatever version Python has.
    """
    if text.isascii():
        return text
    name = form.upper()
    # Other characters never combine, so the runs between them can be normalized separately.
    return _MAPPED.sub(lambda run: unicodedata.normalize(name, run[0]), text)  # type: ignore[arg-type]


def lower_points(text: str) -> str:
    r"""Apply `str.lower` to each code point separately, with the data of Unicode 13.0.

    The result differs from `str.lower` only for a Σ at the end of a word, which becomes σ like any
    other Σ, because the graph's table of code points does not depend on neighbouring letters.

    Example:
        >>> lower_points("ΟΔΟΣ"), lower_points("İ") == "i\u0307"
        ('οδοσ', True)
    """
    return _MAPPED.sub(lambda run: run[0].lower(), text.replace("Σ", "σ"))
