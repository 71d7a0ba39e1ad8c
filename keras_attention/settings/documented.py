"""Docstrings and signatures that are generated from settings."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import TypeVar

from keras_attention.settings.setting import Setting, Settings

Kind = TypeVar("Kind", bound=type)


def documented(owner: type[Settings]) -> Callable[[Kind], Kind]:
    """Return a decorator that adds the settings of `owner` to a class's signature and docstring.

    In the docstring they replace the line `{settings}`. Settings without a default become
    positional parameters; all others become keyword-only parameters.
    """
    required, optional = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            item.name,
            required if item.default is MISSING else optional,
            default=inspect.Parameter.empty if item.default is MISSING else item.default,
            annotation=item.type,
        )
        for item in fields(owner)
    ]
    signature = inspect.Signature(sorted(parameters, key=lambda parameter: parameter.kind))

    def decorate(kind: Kind) -> Kind:
        document(kind, owner)
        kind.__signature__ = signature  # type: ignore[attr-defined]
        return kind

    return decorate


def document(kind: type, owner: type[Settings]) -> None:
    """Replace the docstring's line `{settings}` with names, explanations, ranges and defaults."""
    listed = textwrap.indent("\n".join(map(_describe, owner.settings())), " " * 8)
    kind.__doc__ = str(kind.__doc__).replace(" " * 8 + "{settings}", listed)


def _describe(known: Setting) -> str:
    default = "" if known.default is MISSING else f" Default {known.default!r}."
    expected = known.expected[:1].upper() + known.expected[1:]
    text = f"{known.key}: {known.doc}. {expected}.{default}"
    return textwrap.fill(text, 92, subsequent_indent=" " * 4)
