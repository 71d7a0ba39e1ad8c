"""Read our docstrings: Google style, with code in single backticks and examples as plain code."""

import inspect
import re
from typing import Any

import keras
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

BACKTICKS = re.compile(r"(?<!`)`([^`]+)`(?!`)")
EXAMPLE = re.compile(r"^Example:\n(?=(.*))", re.MULTILINE)

LONGEST = 700
"""Length, in characters, above which a signature is too long to be useful."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension ahead of napoleon."""
    app.connect("autodoc-process-docstring", _read_docstring, priority=100)
    app.connect("autodoc-process-signature", _read_signature)
    return {"parallel_read_safe": True}


def _read_docstring(
    app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    text = EXAMPLE.sub(_example, "\n".join(lines))
    parts = re.split(r"(^ *(?:>>>|\.\.\.) .*$)", text, flags=re.MULTILINE)
    parts[::2] = [BACKTICKS.sub(r"``\1``", part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def _example(heading: re.Match[str]) -> str:
    """Return the heading of an example; code without prompts becomes a block of code."""
    title = ".. rubric:: Example\n\n"
    if heading[1].lstrip().startswith(">>>"):
        return title + ("..\n\n" if heading[1].startswith(" ") else "")
    return title + ".. code-block:: python\n\n"


def _read_signature(
    app: Sphinx, kind: str, name: str, thing: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Return the constructor's arguments; for a layer, Keras's `__new__` hides them."""
    if len(signature or "") > LONGEST:
        return "(...)", returned
    if kind != "class" or not issubclass(thing, keras.layers.Layer):
        return None
    found = getattr(thing, "__signature__", None)
    if found is None:
        found = inspect.signature(thing.__init__)
        found = found.replace(parameters=list(found.parameters.values())[1:])
    found = found.replace(return_annotation=inspect.Signature.empty)
    return stringify_signature(found, show_annotation=False), returned
