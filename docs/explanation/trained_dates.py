"""A picture of how small models with different attention align the same date."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from keras_attention import align_pairs, measure_alignments
from keras_attention.training import evaluate, load_recipe, split_pairs
from keras_attention.training.tasks.known_alignments import known_alignments
from keras_attention.training.train import train
from keras_attention.translation.translator import Translator
from keras_attention.visualization.plotting import plot_panels

DATE = "September 27, 1994"
SMALL = ("size=16000", "held_out=500", "epochs=3", "batch_size=64", "embedding=32", "units=64")
MODELS = {
    "Bahdanau, before the LSTM": (),
    "Luong, after the LSTM": ("attention=luong", "placement=after"),
    "Bahdanau, sparsemax": ("mapping=sparsemax",),
    "four heads": ("attention=multi-head", "placement=after"),
    "monotonic": ("attention=monotonic",),
    "Bahdanau, guided": ("guided_alignment=1.0",),
}


def dates() -> Figure:
    """Train all models and draw the alignment of each for the same date."""
    panels = {}
    for name, settings in MODELS.items():
        recipe = load_recipe("dates", [*SMALL, *settings])
        with tempfile.TemporaryDirectory() as folder:
            translator = train(recipe, Path(folder) / "run")
        _, held_out = split_pairs(recipe.data, recipe.seed)
        exact = evaluate(translator, held_out).exact_match
        error = alignment_error(translator, held_out)
        print(f"{name}: exact match {exact:.2%}, AER {error:.2%}")
        panels[f"{name}\nexact match {exact:.0%}, AER {error:.0%}"] = translator(DATE)
    return plot_panels(panels)


def alignment_error(translator: Translator, pairs: Sequence[tuple[str, str]]) -> float:
    """Return the alignment error rate over pairs of the task, whose alignments are known."""
    links = [pair.links() for pair in align_pairs(translator, pairs)]
    return measure_alignments(links, known_alignments("dates", pairs)).error
