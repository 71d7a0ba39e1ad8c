"""The commands. Each reads its arguments and calls the library; heavy imports wait inside."""

import platform
from typing import Annotated

import typer

from keras_attention._version import __version__
from keras_attention.cli.commands.comparing import compare
from keras_attention.cli.commands.exporting import export, verify
from keras_attention.cli.commands.judging import align, evaluate, score
from keras_attention.cli.commands.training import data, quickstart, train
from keras_attention.cli.commands.translating import plot, translate

app = typer.Typer(
    name="keras-attention",
    help="Attention sequence-to-sequence models for Keras: train, translate, look, ship.",
    epilog="Begin with: keras-attention quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib import metadata  # 20 ms that no other command needs

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
            help="Show the versions and exit.",
        ),
    ] = False,
) -> None:
    """Attention sequence-to-sequence models for Keras: train, translate, look, ship."""


for command in (
    quickstart,
    train,
    compare,
    data,
    translate,
    evaluate,
    score,
    align,
    plot,
    export,
    verify,
):
    app.command()(command)
