"""The callback that shows sample outputs and their alignments in TensorBoard."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator
from keras_attention.visualization.plotting import plot_alignment

from ..data.pairs import Pair

SHOWN = 4
MOST_TOKENS = 80
"""Limit on the characters of a short text, and on the tokens per side of a picture."""
_DOTS_PER_INCH = 80


class ShowSamples(keras.callbacks.Callback):
    """Writes a few held-out translations and their alignments after every validation interval.

    Args:
        translator: the model in training, with its tokenizers.
        pairs: held-out pairs; the first few short ones are shown.
        folder: the folder for TensorBoard's event files.
        steps: training steps per validation interval.
    """

    def __init__(
        self, translator: Translator, pairs: Sequence[Pair], folder: Path, steps: int
    ) -> None:
        super().__init__()
        self.translator = translator
        self.pairs = short_pairs(pairs)
        self.steps = steps
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Translate the samples and write their texts and alignments."""
        translations = self.translator([source for source, _ in self.pairs], progress=False)
        with self.writer.as_default(step=(epoch + 1) * self.steps):
            tf.summary.text("samples", as_table(translations, [target for _, target in self.pairs]))
            for number, translation in enumerate(translations):
                if translation.alignment.any():
                    tf.summary.image(f"alignment {number}", draw_alignment(translation)[None])
        self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the event file."""
        self.writer.close()


def short_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return a few pairs: the first of at most 80 characters per side, then the shortest others."""
    lengths = [max(map(len, pair)) for pair in pairs]
    order = sorted(range(len(pairs)), key=lambda n: max(lengths[n], MOST_TOKENS))
    return [pairs[n] for n in sorted(order[:SHOWN])]


def as_table(translations: Sequence[Translation], targets: Sequence[str]) -> str:
    """Return a Markdown table of sources, outputs and expected targets."""
    rows = [["source", "output", "expected"], ["---", "---", "---"]]
    for translation, target in zip(translations, targets, strict=True):
        cells = [translation.source, translation.text, target]
        rows.append([cell.replace("|", r"\|") for cell in cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw_alignment(translation: Translation) -> Any:
    """Return a picture of the first 80 tokens per side, as a uint8 array `[height, width, 4]`."""
    png = io.BytesIO()
    with warnings.catch_warnings():  # otherwise each picture could warn of missing glyphs
        warnings.simplefilter("ignore", UserWarning)
        figure = plot_alignment(_shortened(translation))
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")
    return tf.io.decode_png(png.getvalue(), channels=4).numpy()


def _shortened(translation: Translation) -> Translation:
    best = translation.hypotheses[0]
    drawn = replace(
        best,
        tokens=best.tokens[:MOST_TOKENS],
        alignment=best.alignment[:MOST_TOKENS, :MOST_TOKENS],
    )
    tokens = translation.source_tokens[:MOST_TOKENS]
    return replace(translation, source_tokens=tokens, hypotheses=(drawn,))
