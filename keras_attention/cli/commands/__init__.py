"""The commands. Each file defines one command: its arguments, its help and its code.

Larger parts of the commands are in `command_parts` and `translate_parts`. A command imports Keras,
TensorFlow, NumPy and rich inside its functions, so that the command line starts fast.
"""

import platform
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from keras_attention._version import __version__
from keras_attention.cli.commands import (
    align,
    bulk,
    compare,
    data,
    demo,
    distill,
    evaluate,
    export,
    plot,
    quickstart,
    score,
    train,
    translate,
    verify,
)

_SUMMARY = "Train, evaluate, inspect and export attention sequence-to-sequence models in Keras."


class _Command(TyperCommand):
    """A command whose help shows no type for Boolean options."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        return _without_flag_types(super().get_params(ctx))


class _Group(TyperGroup):
    """The group of all commands; see `_Command`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        return _without_flag_types(super().get_params(ctx))


def _without_flag_types(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    name="keras-attention",
    cls=_Group,
    help=_SUMMARY,
    epilog="To start, run: keras-attention quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if not requested:
        return
    from importlib import metadata  # takes 20 ms; other commands do not need it

    print(f"keras-attention {__version__}")
    for package in ("keras", "tensorflow"):
        try:
            print(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            print(f"{package} is not installed")
    print(f"python {platform.python_version()}")
    raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the versions of keras-attention, Keras, TensorFlow and Python, and exit.",
        ),
    ] = False,
) -> None:
    """Define the options of `keras-attention` itself, without a command."""


for command in (
    quickstart.quickstart,
    train.train,
    distill.distill,
    compare.compare,
    data.data,
    translate.translate,
    bulk.bulk,
    evaluate.evaluate,
    score.score,
    align.align,
    plot.plot,
    demo.demo,
    export.export,
    verify.verify,
):
    app.command(cls=_Command)(command)
