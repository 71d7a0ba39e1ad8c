"""What the model in training writes, for TensorBoard: as text, and where it looked as pictures."""

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
"""Largest number of rows and of columns of a picture."""
_DOTS_PER_INCH = 80


class ShowSamples(keras.callbacks.Callback):
    """Writes a few held-out translations and their alignments after every validation interval.

    Args:
        translator: the model in training, with its tokenizers.
        pairs: held-out pairs; the first few short ones are shown.
        folder: where TensorBoard reads.
        steps: steps of one of fit's epochs.
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
        """Decodes and writes."""
        translations = self.translator([source for source, _ in self.pairs])
        with self.writer.as_default(step=(epoch + 1) * self.steps):
            tf.summary.text("samples", as_table(translations, [target for _, target in self.pairs]))
            for number, translation in enumerate(translations):
                if translation.alignment.any():
                    tf.summary.image(f"alignment {number}", draw_alignment(translation)[None])
        self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the file."""
        self.writer.close()


def short_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Returns the first few pairs of at most 80 characters a side, else the shortest pairs."""
    lengths = [max(map(len, pair)) for pair in pairs]
    order = sorted(range(len(pairs)), key=lambda n: max(lengths[n], MOST_TOKENS))
    return [pairs[n] for n in sorted(order[:SHOWN])]


def as_table(translations: Sequence[Translation], targets: Sequence[str]) -> str:
    """A table in Markdown of what came in, what came out and what was expected."""
    rows = [["source", "output", "expected"], ["---", "---", "---"]]
    for translation, target in zip(translations, targets, strict=True):
        cells = [translation.source, translation.text, target]
        rows.append([cell.replace("|", r"\|") for cell in cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw_alignment(translation: Translation) -> Any:
    """The picture of the first 80 tokens a side, as an array `[height, width, 4]` of bytes."""
    png = io.BytesIO()
    with warnings.catch_warnings():  # once a picture that a glyph is missing would be too often
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
