"""The commands that make a model: quickstart, train, and data to train on."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import Overrides, Overwrite
from keras_attention.cli.stopping import advise_on_stop


def quickstart(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the models' folders go.")
    ] = Path("saved_models"),
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Learn dates, with attention and without; see the alignment; export, and check the exports.

    Two to three minutes on two cores; nothing is downloaded. A run that stands there goes on.

    Example: keras-attention quickstart --set size=10000 --set epochs=2
    """
    with advise_on_stop("Run the same command again to continue after the last validation."):
        from keras_attention.cli.quickstart import run_quickstart

        run_quickstart(output, overrides or [], overwrite=overwrite)


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name, such as dates, or a .toml.")
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder.  [default: saved_models/NAME]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue a killed run by its own recipe, or with --set epochs=N for longer.",
        ),
    ] = False,
    changed_data: Annotated[
        bool,
        typer.Option(
            "--changed-data",
            help="With --resume, continue although the data has changed since the run was started. "
            "Tokenizers and held-out pairs stay the same; held-out pairs are not trained on.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the resolved recipe, explained; train nothing.")
    ] = False,
) -> None:
    """Train a recipe through model.fit.

    Example: keras-attention train dates --set attention=luong --set placement=after
    """
    from keras_attention.cli.output import describe_recipe, log_to_console
    from keras_attention.training.recipe.recipe import load_recipe, recipe_names

    resolved = load_recipe(recipe, overrides or [])
    if show:
        print(describe_recipe(resolved))
        return
    from keras_attention.training.run.run_data import load_run_recipe
    from keras_attention.training.train import train as run

    log_to_console()
    folder = output or Path("saved_models") / resolved.name
    begun = folder / "recipe.toml"
    if resume and not overrides and recipe in recipe_names() and begun.is_file():
        resolved = load_run_recipe(folder)
    with advise_on_stop("Use --resume to continue after the last validation.", begun.is_file):
        run(resolved, folder, resume=resume, overwrite=overwrite, changed_data=changed_data)
    print(f"Trained. Next: keras-attention evaluate {folder}")


def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="multi30k, g2p or tatoeba.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Its folder.  [default: data/NAME]")
    ] = None,
    languages: Annotated[
        str,
        typer.Option(metavar="CODES", help="Commas between.  [default: those there, or all]"),
    ] = "",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download what is missing; overwrites nothing.")
    ] = False,
) -> None:
    """Say where a public data set comes from and its licence; check its folder, or fetch it.

    Example: keras-attention data multi30k data/multi30k --fetch
    """
    from keras_attention.cli.datasets import run_data

    run_data(name, folder, languages, fetch=fetch)
