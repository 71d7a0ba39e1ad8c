"""The command `quickstart`: trains a model on dates, evaluates it, and exports and verifies it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import Overrides, Overwrite
from keras_attention.cli.stopping import advise_on_stop
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.training.data.pairs import Pair
    from keras_attention.translation.translator import Translator

RECIPE = "dates"
SHOWN = 5
VERIFIED = 200
LEARNT = 0.9
"""Exact match below which a note says that the model needs more training."""


def quickstart(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that will hold a folder for each model.")
    ] = Path("saved_models"),
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a model on dates, show what it learned, export it, and verify the exports.

    Use it first, to see every step once. It takes two to four minutes on two cores and downloads
    nothing. It also trains a model without attention, for comparison. If it is interrupted, run the
    same command again to continue.

    Example: keras-attention quickstart --set size=10000 --set epochs=2
    """
    with advise_on_stop("Run the same command again to continue after the last validation."):
        from keras_attention.cli.output import log_to_console

        log_to_console()
        folder, plain = output / RECIPE, output / f"{RECIPE}-fixed-vector"
        _check_held_out(overrides or [])
        _print_headline("1/4  Training a model with attention to rewrite dates")
        translator = _train(folder, overrides or [], overwrite)
        _print_headline(
            "2/4  Training the same model without attention: one fixed vector per source"
        )
        _train(plain, [*(overrides or []), "attention=none", f"name={plain.name}"], overwrite)
        _print_headline("3/4  What it learned")
        held_out = _show(translator, folder)
        _plot_curves(folder, plain)
        _print_headline("4/4  Exporting the model and verifying the exports")
        _export(translator, folder, [source for source, _ in held_out[:VERIFIED]])
        _print_next_steps(folder, held_out)


def _check_held_out(overrides: Sequence[str]) -> None:
    from keras_attention.training.recipe.recipe import load_recipe

    data = load_recipe(RECIPE, overrides).data
    if not (data.held_out or data.validation_path):
        raise InputError(
            "quickstart evaluates on held-out dates: `data.held_out` must be at least 1. "
            "Received: data.held_out=0."
        )


def _print_headline(text: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(f"\n[bold]{text}[/bold]")


def _train(folder: Path, overrides: Sequence[str], overwrite: bool) -> "Translator":
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.run.run_folder import RunFolder
    from keras_attention.training.train import train

    recipe = load_recipe(RECIPE, overrides)
    resume = RunFolder(folder).recipe_file.is_file() and not overwrite
    return train(recipe, folder, resume=resume, overwrite=overwrite)


def _show(translator: "Translator", folder: Path) -> "list[Pair]":
    """Print the accuracy and some alignments, draw one, and return the held-out pairs."""
    from keras_attention.cli.output import print_evaluation
    from keras_attention.cli.progress import count_each, show_progress
    from keras_attention.training.evaluation.evaluate import evaluate
    from keras_attention.training.run.held_out import read_held_out
    from keras_attention.visualization.alignment_text import format_alignment
    from keras_attention.visualization.plotting import plot_alignment

    held_out = read_held_out(folder)
    with show_progress(len(held_out.pairs), unit="pairs") as advance:
        evaluation = evaluate(
            lambda texts: count_each(translator.stream(list(texts)), advance), held_out.pairs
        ).in_form(translator.codec.reference_form)
    print_evaluation(evaluation, held_out.seen, 0)
    if evaluation.exact_match < LEARNT:
        print("note: the model needs more training; set a larger size or more epochs.")
    translations = translator([source for source, _ in held_out.pairs[:SHOWN]])
    for translation in translations:
        print(f"\n{translation.source}  ->  {translation.text}   (score {translation.score:.3f})")
        print(format_alignment(translation))
    plot_alignment(translations[0], folder / "alignment.png")
    return held_out.pairs


def _plot_curves(folder: Path, plain: Path) -> None:
    from keras_attention.visualization.plotting import plot_curves

    curves = {"attention": folder, "fixed vector": plain}
    plot_curves(
        {name: _curve(run) for name, run in curves.items()},
        folder / "accuracy.png",
        ylabel="held-out exact match",
        title="Dates: attention and fixed vector",
    )
    print(f"\nWrote {folder / 'alignment.png'} and {folder / 'accuracy.png'}")


def _curve(folder: Path) -> list[float]:
    from keras_attention.training.run.run_folder import RunFolder

    values = [row["val_exact_match"] for row in RunFolder(folder).metrics()]
    print(f"{folder.name}: " + ", ".join(f"{value:.2%}" for value in values) + " by epoch")
    return values


def _export(translator: "Translator", folder: Path, sources: Sequence[str]) -> None:
    from keras_attention.cli.exports import export_all, verify_exports

    for path in export_all(translator, folder):
        print(f"Wrote {path}")
    if not verify_exports(translator, folder, sources):
        raise InputError("an export differs from the Keras model; please report this.")


def _print_next_steps(folder: Path, held_out: "Sequence[Pair]") -> None:
    model = shlex.quote(str(folder))
    print(f"""
What to do next:
  echo "{held_out[0][0]}" | keras-attention translate {model} --scores
  keras-attention plot {model} "{held_out[1][0]}"
  keras-attention evaluate {model} --beam 4
  keras-attention train dates --show            # print every setting, with an explanation
  keras-attention train my.toml                 # train on your own pairs: data.format = "tsv\"""")
