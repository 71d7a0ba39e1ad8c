"""`quickstart`: the whole path on dates, from training to verified exports."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from keras_attention.cli.exports import export_all
from keras_attention.cli.output import log_to_console, print_agreements, print_evaluation
from keras_attention.errors import InputError
from keras_attention.export.verify import verify
from keras_attention.training.data.pairs import Pair
from keras_attention.training.evaluation.evaluate import evaluate
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train
from keras_attention.translation.translator import Translator
from keras_attention.visualization.alignment_text import format_alignment
from keras_attention.visualization.plotting import plot_alignment, plot_curves

RECIPE = "dates"
SHOWN = 5
VERIFIED = 200
LEARNT = 0.9
"""Exact match below which what is shown is no example of anything."""


def run_quickstart(output: Path, overrides: Sequence[str], *, overwrite: bool = False) -> None:
    """Trains, shows, exports and verifies; a run that was killed goes on where it stopped."""
    log_to_console()
    data = load_recipe(RECIPE, overrides).data
    if not (data.held_out or data.validation_path):
        raise InputError(
            "quickstart shows held-out dates: `data.held_out` must be at least 1. "
            "Received: data.held_out=0."
        )
    folder, plain = output / RECIPE, output / f"{RECIPE}-fixed-vector"
    _headline("1/4  Training a model with attention to rewrite dates")
    translator = _train(folder, overrides, overwrite)
    _headline("2/4  Training the same model without attention: one fixed vector for all of it")
    _train(plain, [*overrides, "attention=none", f"name={plain.name}"], overwrite)
    _headline("3/4  What it learned")
    held_out = _show(translator, folder, plain)
    _headline("4/4  Exporting, and loading the exports again")
    for path in export_all(translator, folder):
        print(f"Wrote {path}")
    agreed = print_agreements(verify(translator, folder, [s for s, _ in held_out[:VERIFIED]]))
    if not agreed:
        raise InputError("an export differs from the Keras model; please report this.")
    _say_next(folder, held_out)


def _headline(text: str) -> None:
    Console(highlight=False).print(f"\n[bold]{text}[/bold]")


def _train(folder: Path, overrides: Sequence[str], overwrite: bool) -> Translator:
    recipe = load_recipe(RECIPE, overrides)
    resume = RunFolder(folder).recipe_file.is_file() and not overwrite
    return train(recipe, folder, resume=resume, overwrite=overwrite)


def _show(translator: Translator, folder: Path, plain: Path) -> list[Pair]:
    """Accuracy, alignments in words and in pictures; returns the held-out pairs."""
    kept = read_held_out(folder)
    held_out = kept.pairs
    evaluation = evaluate(translator, held_out).in_form(translator.codec.reference_form)
    print_evaluation(evaluation, kept.seen, 0)
    if evaluation.exact_match < LEARNT:
        print("note: trained too little to know dates; a larger size or more epochs teach them.")
    translations = translator([source for source, _ in held_out[:SHOWN]])
    for translation in translations:
        print(f"\n{translation.source}  ->  {translation.text}   (score {translation.score:.3f})")
        print(format_alignment(translation))
    plot_alignment(translations[0], folder / "alignment.png")
    curves = {"attention": folder, "fixed vector": plain}
    plot_curves(
        {name: _curve(run) for name, run in curves.items()},
        folder / "accuracy.png",
        ylabel="held-out exact match",
        title="Dates: attention against the fixed vector",
    )
    print(f"\nWrote {folder / 'alignment.png'} and {folder / 'accuracy.png'}")
    return held_out


def _curve(folder: Path) -> list[float]:
    rows = RunFolder(folder).metrics()
    values = [row["val_exact_match"] for row in rows]
    print(f"{folder.name}: " + ", ".join(f"{value:.2%}" for value in values) + " by epoch")
    return values


def _say_next(folder: Path, held_out: Sequence[Pair]) -> None:
    print(f"""
What to do next:
  echo "{held_out[0][0]}" | keras-attention translate {folder} --scores
  keras-attention plot {folder} "{held_out[1][0]}"
  keras-attention evaluate {folder} --beam 4
  keras-attention train dates --show            # every setting, explained
  keras-attention train my.toml                 # your own pairs: data.format = "tsv\"""")
