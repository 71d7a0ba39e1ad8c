"""Search options of the command line, generated from the fields of `SearchOptions`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

import typer

from keras_attention.decoding.options import SearchOptions, StoredOptions, check_option
from keras_attention.errors import OptionError
from keras_attention.settings.setting import Setting

_KNOWN = {known.key: known for known in SearchOptions.settings()}
_STORED = {known.key for known in StoredOptions.settings()}
_FLAGS = {"beam_width": "--beam"}
"""Options whose name on the command line differs from the name in the library."""

SearchChoices: TypeAlias = Mapping[str, Any]
"""The search options that the user gave, by the names of `SearchOptions`."""

NONE_GIVEN: SearchChoices = MappingProxyType({})

RANKING = ("length_penalty", "coverage_penalty")
"""The search options that only rank the hypotheses of a beam."""


def option_of(name: str) -> str:
    """Return the command-line option of a field of `SearchOptions`, or of another argument."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def in_options(error: Exception) -> str:
    """Return the message of an error, with options named as on the command line."""
    if isinstance(error, OptionError):
        return error.named(option_of, quote="", equals=" ")
    return str(error)


def search_option(name: str) -> Any:
    """Return the command-line option for a field of `SearchOptions`, with its help and range."""
    known = _KNOWN[name]

    def check(value: Any) -> Any:
        return None if value is None else check_option(known, value)

    return typer.Option(
        option_of(name),
        callback=check,  # runs before a model is loaded, and raises the library's message
        metavar=_metavar(known),
        help=f"{known.doc[0].upper()}{known.doc[1:]}.{_default(known)}",
        rich_help_panel="Search",
    )


def with_search_options(owner: type[StoredOptions]) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that adds an option to a command for each field of a class.

    The command has a parameter `search` of the type `SearchChoices`; the help shows the options in
    its place. The command is called with the options that the user gave; the model's settings
    apply to all others.
    """
    names = [known.key for known in owner.settings()]

    def decorate(command: Callable[..., None]) -> Any:
        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            chosen = {name: arguments.pop(name) for name in names}
            given = {name: value for name, value in chosen.items() if value is not None}
            command(search=given, **arguments)

        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += map(_parameter, names) if parameter.name == "search" else [parameter]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _parameter(name: str) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    value: Any = _kind(_KNOWN[name]) | None
    annotation: Any = Annotated[value, search_option(name)]
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


def _kind(known: Setting) -> Any:
    return known.kind or type(known.default)


def _default(known: Setting) -> str:
    """Return the default as the help shows it."""
    if known.key in _STORED or known.default is MISSING:
        return "  [default: the model's]"
    return "" if known.default is False else f"  [default: {known.default}]"


def _metavar(known: Setting) -> str | None:
    """Return the placeholder of the value in the help, with its range: "N [1<=N<=8]"."""
    if _kind(known) is bool:
        return None
    letter = "N" if _kind(known) is int else "X"
    least = "" if known.minimum is None else f"{known.minimum}<="
    above = "" if known.above is None else f"{known.above}<"
    most = "" if known.maximum is None else f"<={known.maximum}"
    return f"{letter} [{least}{above}{letter}{most}]"


BeamWidth = Annotated[int | None, search_option("beam_width")]
