"""Fonts that have the glyphs, among those installed."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from keras_attention.visualization.alignment_text import visible

_NO_GLYPH = "□"
_NAMED = 8  # characters that a warning names
# Families whose character map promises what they do not draw as text.
_NOT_FOR_TEXT = re.compile(r"Last ?Resort|cm[a-z]+\d+$|STIX(Size?|NonUnicode)|Color Emoji")


@dataclass(frozen=True)
class Lettering:
    """The font families to draw texts in, and the characters that none of them has."""

    families: list[str]
    missing: frozenset[str]

    @property
    def style(self) -> dict[str, Any]:
        """What every text is drawn with: `$` and `%` are characters, not commands."""
        return {"fontfamily": self.families, "parse_math": False, "usetex": False}

    def drawn(self, text: str) -> str:
        """`text` with a box for every character that no font has."""
        return "".join(_NO_GLYPH if character in self.missing else character for character in text)


def lettering_for(texts: Iterable[str]) -> Lettering:
    """Finds fonts for `texts`, and warns of the characters that no installed font has."""
    needed = {character for text in texts for character in text} | set("→…" + _NO_GLYPH)
    families, missing = _families_for(needed)
    if missing:
        named = [f"{visible(character)} (U+{ord(character):04X})" for character in sorted(missing)]
        shown = ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
        warnings.warn(
            f"No installed font has a glyph for {len(missing)} of the characters, drawn as "
            f"{_NO_GLYPH}: {shown}. Install one that has, such as {_package_for(missing)}.",
            stacklevel=3,
        )
    return Lettering(families, frozenset(missing))


def _families_for(needed: set[str]) -> tuple[list[str], set[str]]:
    """The families of matplotlib's settings, as many more as are `needed`; what is left."""
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
    """The family that has most of `missing`; among equals one drawn for the region's characters."""
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in missing}
    region = "JP" if scripts & {"HIRAGANA", "KATAKANA"} else "KR" if "HANGUL" in scripts else "SC"

    def merit(name: str) -> tuple[int, bool, bool, bool, int, str]:
        names = name.endswith(region), "Sans" in name, "Noto" in name
        return len(found[name] & missing), *names, -len(name), name

    best = max(found, key=merit, default=None)
    return best if best is not None and found[best] & missing else None


def _installed_faces() -> dict[str, tuple[str, int]]:
    """File and index of a face of each family that matplotlib knows, the regular one if it can."""
    from matplotlib.font_manager import fontManager

    def regular(entry: Any) -> bool:
        return (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")

    return {
        entry.name: (entry.fname, getattr(entry, "index", 0))
        for entry in sorted(fontManager.ttflist, key=regular)
        if not _NOT_FOR_TEXT.match(entry.name)
    }


def _newly_installed_faces() -> dict[str, tuple[str, int]]:
    """The same with fonts installed since matplotlib last listed them, which it does once."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with suppress(Exception):  # a font that FreeType or matplotlib cannot use is not there
            fontManager.addfont(path)
    return _installed_faces()


def _glyphs(path: str, index: int, characters: set[str]) -> set[str]:
    """Those of `characters` that a face has; none of a file that is gone or cannot be read."""
    from matplotlib.ft2font import FT2Font

    # A file of one face has no index in matplotlib before 3.11, which reads the first alone.
    options: dict[str, Any] = {"face_index": index} if index else {}
    try:
        face = FT2Font(path, **options)
    except (OSError, RuntimeError):
        return set()
    return {character for character in characters if face.get_char_index(ord(character))}


def _package_for(missing: set[str]) -> str:
    """Names fonts, with their Debian packages, that have such characters."""
    packages = set()
    for character in missing:
        if unicodedata.category(character) == "So":
            packages.add("Noto Emoji (fonts.google.com/noto)")
        elif unicodedata.east_asian_width(character) in "WF":
            packages.add("Noto Sans CJK (fonts-noto-cjk)")
        else:
            packages.add("Noto Sans (fonts-noto-core)")
    return " and ".join(sorted(packages))
