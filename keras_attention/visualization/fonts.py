"""Finds installed fonts that have the glyphs of given texts."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from keras_attention.visualization.notebook.visible_text import visible

_NO_GLYPH = "□"
_LISTED = 8  # largest number of characters that a warning lists
# Font families that claim to have characters but do not draw them as text.
_NOT_FOR_TEXT = re.compile(r"Last ?Resort|cm[a-z]+\d+$|STIX(Size?|NonUnicode)|Color Emoji")


@dataclass(frozen=True)
class Lettering:
    """The font families for some texts, and the characters that none of them has."""

    families: list[str]
    missing: frozenset[str]

    @property
    def style(self) -> dict[str, Any]:
        """The text properties for matplotlib; `$` and `%` are plain characters."""
        return {"fontfamily": self.families, "parse_math": False, "usetex": False}

    def drawn(self, text: str) -> str:
        """Return the text with a box in place of every character that no font has."""
        return "".join(_NO_GLYPH if character in self.missing else character for character in text)


def lettering_for(texts: Iterable[str]) -> Lettering:
    """Find fonts for texts, and warn about characters that no installed font has."""
    needed = {character for text in texts for character in text} | set("→…" + _NO_GLYPH)
    families, missing = _families_for(needed)
    if missing:
        named = [f"{visible(character)} (U+{ord(character):04X})" for character in sorted(missing)]
        shown = ", ".join(named[:_LISTED]) + (", …" if len(named) > _LISTED else "")
        warnings.warn(
            f"No installed font has a glyph for {len(missing)} of the characters, drawn as "
            f"{_NO_GLYPH}: {shown}. Install a font that has them, such as {_package_for(missing)}.",
            stacklevel=3,
        )
    return Lettering(families, frozenset(missing))


def _families_for(needed: set[str]) -> tuple[list[str], set[str]]:
    """Return font families for the `needed` characters, and the characters that no family has.

    The families in matplotlib's settings come first.
    """
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont

    families = list(rcParams["font.family"])
    missing = needed - {"\n"}
    for path in [findfont(FontProperties(family=[family])) for family in families]:
        missing -= _glyphs(path, getattr(path, "face_index", 0), missing)
    for look in (_installed_faces, _newly_installed_faces):
        faces = look() if missing else {}
        found = {name: _glyphs(*face, missing) for name, face in faces.items()}
        while best := _best_family(found, missing):
            families.append(best)
            missing -= found[best]
    return families, missing


def _best_family(found: dict[str, set[str]], missing: set[str]) -> str | None:
    """Return the family that has the most of the `missing` characters.

    If several families have equally many, prefer one for the region of these characters.
    """
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in missing}
    region = "JP" if scripts & {"HIRAGANA", "KATAKANA"} else "KR" if "HANGUL" in scripts else "SC"

    def merit(name: str) -> tuple[int, bool, bool, bool, int, str]:
        names = name.endswith(region), "Sans" in name, "Noto" in name
        return len(found[name] & missing), *names, -len(name), name

    best = max(found, key=merit, default=None)
    return best if best is not None and found[best] & missing else None


def _installed_faces() -> dict[str, tuple[str, int]]:
    """Return file and index of one face of each family that matplotlib lists.

    A regular face is preferred.
    """
    from matplotlib.font_manager import fontManager

    def regular(entry: Any) -> bool:
        return (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")

    return {
        entry.name: (entry.fname, getattr(entry, "index", 0))
        for entry in sorted(fontManager.ttflist, key=regular)
        if not _NOT_FOR_TEXT.match(entry.name)
    }


def _newly_installed_faces() -> dict[str, tuple[str, int]]:
    """Add installed fonts that matplotlib does not list yet, and return all installed faces."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with suppress(Exception):  # skip a font that FreeType or matplotlib cannot read
            fontManager.addfont(path)
    return _installed_faces()


def _glyphs(path: str, index: int, characters: set[str]) -> set[str]:
    """Return the characters that a face has; none if its file cannot be read."""
    from matplotlib.ft2font import FT2Font

    # Matplotlib before 3.11 accepts no index, and always reads the first face of a file.
    options: dict[str, Any] = {"face_index": index} if index else {}
    try:
        face = FT2Font(path, **options)
    except (OSError, RuntimeError):
        return set()
    return {character for character in characters if face.get_char_index(ord(character))}


def _package_for(missing: set[str]) -> str:
    """Return the names of fonts that have such characters, with their Debian packages."""
    packages = set()
    for character in missing:
        if unicodedata.category(character) == "So":
            packages.add("Noto Emoji (fonts.google.com/noto)")
        elif unicodedata.east_asian_width(character) in "WF":
            packages.add("Noto Sans CJK (fonts-noto-cjk)")
        else:
            packages.add("Noto Sans (fonts-noto-core)")
    return " and ".join(sorted(packages))
