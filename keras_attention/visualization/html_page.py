"""The parts that our HTML pages share: style, template, security policy and the check of a path."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from keras_attention.errors import InputError

_SUFFIXES = (".html", ".htm")


def check_page(path: str | os.PathLike[str]) -> None:
    """Check that a path has the suffix of an HTML page."""
    suffix = Path(path).suffix
    if suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"{os.fspath(path)}: a page's suffix must be one of {', '.join(_SUFFIXES)}. "
            f"Received: {suffix!r}."
        )


def page_part(module: str, kind: str) -> str:
    """Return the text of the file that has the name of a module but another suffix."""
    return Path(module).with_suffix(f".{kind}").read_text(encoding="utf-8")


def page_style(module: str) -> str:
    """Return the style sheet of a module's page, which begins with the style of all pages."""
    return page_part(__file__, "css") + page_part(module, "css")


def digest_of(text: str) -> str:
    """Return the hash by which a security policy allows a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
