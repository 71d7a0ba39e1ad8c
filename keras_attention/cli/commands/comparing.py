"""The command that trains variants of a recipe and puts them side by side."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import Overrides


def compare(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name, such as copy, or a .toml.")
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="Train with each of the values, commas between; repeatable: every combination.",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="One more variant, beside the combinations, called so by name=NAME; repeatable.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1, max=1_000, metavar="N", help="Runs of each, from the recipe's seed on."
        ),
    ] = 1,
    overrides: Overrides = None,
    lengths: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Test on sources of these lengths too: new ones of copy, reverse and "
            "date-sentences, else the held-out ones up to each.",
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where it all goes.  [default: saved_models/compare-NAME]"
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs at once, which share the threads.")
    ] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="Print and draw what has ended; train nothing.")
    ] = False,
) -> None:
    """Train a grid of variants, some seeds each; print, save and draw how good they are.

    The same command goes on where it was stopped, and trains nothing that is finished.

    Example: keras-attention compare copy --vary attention=bahdanau,luong,none --seeds 3
    """
    from keras_attention.cli.comparing import Plan, parse_lengths, run_compare
    from keras_attention.training.compare.variants import expand_grid

    wanted = parse_lengths(lengths)
    grid = expand_grid(recipe, overrides or [], vary=vary or [], also=also or [])
    folder = output or Path("saved_models") / f"compare-{grid.variants[0].recipe.name}"
    run_compare(grid, Plan(folder, seeds, jobs, wanted, show))
