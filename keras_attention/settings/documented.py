"""Document a class by the settings that it takes."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import TypeVar

from keras_attention.settings.setting import Setting, Settings

Kind = TypeVar("Kind", bound=type)


def documented(owner: type[Settings]) -> Callable[[Kind], Kind]:
    """Return a decorator that puts settings into the signature and the docstring of a class.

    The line `{settings}` of the docstring becomes their names, explanations, ranges and defaults.
    """
    first = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            item.name,
            first[item.default is not MISSING],
            default=inspect.Parameter.empty if item.default is MISSING else item.default,
            annotation=item.type,
        )
        for item in fields(owner)
    ]
    signature = inspect.Signature(sorted(parameters, key=lambda each: each.kind))
    lines = [_describe(known) for known in owner.settings()]

    def decorate(kind: Kind) -> Kind:
        listed = textwrap.indent("\n".join(lines), " " * 8)
        kind.__doc__ = str(kind.__doc__).replace(" " * 8 + "{settings}", listed)
        kind.__signature__ = signature  # type: ignore[attr-defined]
        return kind

    return decorate


def _describe(known: Setting) -> str:
    default = "" if known.default is MISSING else f" Default {known.default!r}."
    text = f"{known.key}: {known.doc}: {known.expected}.{default}"
    return textwrap.fill(text, 92, subsequent_indent=" " * 4)
