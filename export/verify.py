"""The check that every export returns the same translations as the Keras model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_attention.errors import InputError, check_texts
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.outputs.output_rule import OutputRule
from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator

from .device.device_translator import DeviceTranslator
from .saved_model.saved_model_translator import SavedModelTranslator
from .saved_model.serving_files import find_versions

SCORE_TOLERANCE = 1e-3
"""Largest difference of a score, in nats, that counts as rounding in another runtime."""

LEAST_EQUAL = 0.75
"""Smallest share of equal texts for weights of lower precision; we measured 85 % and more."""


@dataclass(frozen=True)
class Agreement:
    """The comparison of one export with the Keras model.

    Attributes:
        runtime: name of the export's file or folder.
        lines: number of lines compared.
        exact_match: share of equal texts, in [0, 1].
        score_difference: largest absolute difference of a score, in nats.
        precision: precision of a TFLite file's weights, or the dtype policy of a SavedModel.
    """

    runtime: str
    lines: int
    exact_match: float
    score_difference: float
    precision: str = "float32"

    @property
    def agrees(self) -> bool:
        """True if all texts are equal, and all scores are equal except for rounding.

        In a lower precision, at least `LEAST_EQUAL` of the texts must be equal; `measure_variants`
        measures what such a precision loses.
        """
        if self.precision != "float32":
            return self.exact_match >= LEAST_EQUAL
        return self.exact_match == 1 and self.score_difference <= SCORE_TOLERANCE


def measure_agreement(
    runtime: str,
    expected: Sequence[Translation],
    actual: Sequence[Translation],
    precision: str = "float32",
) -> Agreement:
    """Compare an export's translations with those of the Keras model for the same lines."""
    pairs = list(zip(expected, actual, strict=True))
    return Agreement(
        runtime,
        len(pairs),
        len([pair for pair in pairs if pair[0].text == pair[1].text]) / len(pairs),
        max(abs(a.score - b.score) for a, b in pairs),
        precision,
    )


def verify(
    translator: Translator,
    folder: Path,
    lines: Sequence[str],
    *,
    advance: Callable[[int], object] = lambda count: None,
) -> list[Agreement]:
    """Translate the same lines with the Keras model and every export in its folder, and compare.

    Args:
        translator: the Keras model's translator.
        folder: the model's folder; its newest SavedModel version and its TFLite files are run.
        lines: the lines, at least one. For each export, lines with more tokens than it accepts are
            left out.
        advance: called with the number of lines finished since its last call; each line counts
            twice for each export, once for the export and once for the Keras model.

    Returns:
        One `Agreement` per export.

    Raises:
        InputError: if there are no lines or no exports, or an export is damaged.
        TypeError: if `lines` is a single string.
    """
    check_texts(lines, "lines")
    if not lines:
        raise InputError("expected at least one line to compare on. Received: none.")
    # Exports search the whole vocabulary, and each has its own limits on texts and outputs.
    translator = Translator(translator.model, translator.codec, max_tokens=UNLIMITED)
    agreements = []
    for path in find_exports(folder):
        if path.is_dir():
            saved = SavedModelTranslator.load(path)
            fitting = _fitting(path, lines, saved.fits(translator.codec))
            translator.output_rule = saved.automaton and OutputRule(saved.automaton)
            streams = translator.stream(fitting), saved.stream(fitting)
            precision = saved.manifest["compute"]
        else:
            device = DeviceTranslator.load(path)
            fitting = _fitting(path, lines, device.fits)
            translator.output_rule = device.automaton and OutputRule(device.automaton)
            streams = translator.stream(fitting, beam_width=1), device.translate_each(fitting)
            precision = device.manifest["precision"]
        expected, actual = (_collect(stream, advance) for stream in streams)
        advance(2 * (len(lines) - len(fitting)))
        agreements.append(measure_agreement(path.name, expected, actual, precision))
    return agreements


def _collect(
    translations: Iterable[Translation], advance: Callable[[int], object]
) -> list[Translation]:
    """Return the translations as a list, and report each to `advance` when it is finished."""
    found = []
    for translation in translations:
        found.append(translation)
        advance(1)
    return found


def _fitting(path: Path, lines: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    fitting = [line for line in lines if fits(line)]
    if not fitting:
        raise InputError(
            f"{path}: expected at least one line that is short enough for this export. "
            f"Received: {len(lines)}, each with more tokens than it accepts."
        )
    return fitting


def find_exports(folder: Path) -> list[Path]:
    """Return the newest SavedModel version and the TFLite files in a model's folder.

    Raises:
        InputError: if there is neither.
    """
    newest = [folder / str(version) for version in find_versions(folder)[-1:]]
    exports = newest + sorted(folder.glob("*.tflite"))
    if not exports:
        raise InputError(f"{folder}: contains no export; write one with keras-attention export.")
    return exports
