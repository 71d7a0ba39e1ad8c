"""Measures every TFLite precision on held-out pairs, for `export --tflite`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from keras_attention.cli.command_parts.evaluation_pairs import held_out_pairs
from keras_attention.cli.exports import about_run, variants_file
from keras_attention.cli.output import print_table
from keras_attention.cli.progress import show_progress
from keras_attention.errors import InputError
from keras_attention.export.tflite.conversion import PRECISIONS, Converted
from keras_attention.export.tflite.quality_gate import Gate, Quality, measure_variants
from keras_attention.training.metrics.metric_kinds import ExactMatch
from keras_attention.training.metrics.text_metrics import higher_is_better, score
from keras_attention.training.run.run_data import load_run_recipe
from keras_attention.translation.translator import Translator

BEST, ALL = "best", "all"
CHOICES = (*PRECISIONS, BEST, ALL)


def check_choice(choice: str) -> None:
    """Check the value of `--tflite`."""
    if choice not in CHOICES:
        raise InputError(
            f"--tflite must be one of {', '.join(CHOICES)}. Received: --tflite {choice}."
        )


def export_measured(
    translator: Translator, folder: Path, choice: str, lines: int, batch_size: int = 1
) -> list[Path]:
    """Measure every precision, print and save the table, and write the files that pass.

    Args:
        translator: a trained translator.
        folder: the model's folder, with a recipe that holds out pairs.
        choice: the precision of the default file; "best" for the smallest file that passes, "all"
            to also write the other precisions.
        lines: largest number of pairs.
        batch_size: number of texts that a file searches together.
    """
    advice = f"--tflite {choice} compares precisions on them, so use --tflite float32"
    pairs, quality = held_out_pairs(folder, advice)[0][:lines], _quality(folder)
    converted = Converted.of(translator, about_run(folder), batch_size=batch_size)
    total = len(pairs) * (1 + len(PRECISIONS))
    with show_progress(total, unit="lines") as advance:
        gate = measure_variants(translator, converted, pairs, quality, advance=advance)
    print_variants(gate)
    default = gate.default if choice in (BEST, ALL) else choice
    gate.require(default)
    name = folder.resolve().name
    others = [each for each in PRECISIONS if each != default] if choice == ALL else []
    written = [
        converted.write(folder / f"{name}.tflite", default),
        *(converted.write(folder / f"{name}.{each}.tflite", each) for each in others),
    ]
    gate.save(variants_file(folder), default)
    written.append(variants_file(folder))
    return written


def _quality(folder: Path) -> Quality:
    """Return the metric by which training chose the best model; exact match is in percent."""
    metric = load_run_recipe(folder).training.metric
    scale = 100 if metric == ExactMatch.name else 1

    def judge(outputs: Sequence[str], targets: Sequence[str], sources: Sequence[str]) -> float:
        return scale * score(metric, outputs, targets, sources).value

    return Quality(metric, judge, higher_is_better(metric))


def print_variants(gate: Gate) -> None:
    """Print the table of the quality gate, and warn if the model is too bad for a comparison."""
    names = ("TFLite file", "MB", "share", "ms a line", "equal tokens", "equal outputs")
    rows = [
        (
            each.precision,
            f"{each.size / 1e6:.2f}",
            f"{each.share:.1%}",
            f"{each.milliseconds:.2f}",
            f"{each.tokens:.1%}",
            f"{each.sentences:.1%}",
            f"{each.value:.2f}",
            f"{each.loss:+.2f}",
            "passes" if each.passes else "REFUSED",
        )
        for each in gate.variants
    ]
    print(f"{gate.lines} held-out pairs, greedy; the Keras model: {gate.metric} {gate.keras:.2f}")
    print_table([(*names, gate.metric, "loss", ""), *rows], justify="left")
    if not gate.can_show_loss:
        print(
            f"warning: the Keras model reaches {gate.metric} {gate.keras:.2f}, so this comparison "
            "cannot show a loss; train a better model before you choose a precision.",
            file=sys.stderr,
        )
