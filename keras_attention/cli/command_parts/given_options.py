"""Checks of the options that were given on the command line, so that none is silently ignored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import typer

from keras_attention.errors import InputError


def is_given(context: typer.Context, name: str) -> bool:
    """Return whether the parameter `name` of the command was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def option_names(context: typer.Context) -> dict[str, str]:
    """Return the option of each parameter of the command, such as "--beam" of "beam_width"."""
    return {each.name or "": each.opts[0] for each in context.command.params}


def check_requires(context: typer.Context, **needed: str) -> None:
    """Reject an option if the option that it requires is missing."""
    options = option_names(context)
    for name, other in needed.items():
        if is_given(context, name) and not is_given(context, other):
            raise InputError(
                f"{options[name]} requires {options[other]}. Received: {options[name]} alone."
            )


def check_effective(context: typer.Context, ineffective: Mapping[str, Collection[str]]) -> None:
    """Reject an option that has no effect because of another given option."""
    options = option_names(context)
    for name, others in ineffective.items():
        for other in others if is_given(context, name) else ():
            if is_given(context, other):
                raise InputError(
                    f"{options[other]} has no effect with {options[name]}; leave one of them out. "
                    f"Received: {options[name]} and {options[other]}."
                )
