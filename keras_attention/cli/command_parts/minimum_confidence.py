"""The option `--min-confidence` of `translate`: which outputs are marked for a check."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from keras_attention.cli.runtimes import read_tflite
from keras_attention.decoding.confidence import Confidence
from keras_attention.errors import InputError
from keras_attention.translation.file_names import MODEL_FILE
from keras_attention.translation.folders.ensemble_folder import is_ensemble
from keras_attention.translation.folders.model_paths import is_export
from keras_attention.translation.result import Hypothesis, Translation

AUTO = "auto"
"""The value of the option for the threshold that is stored with the model."""


@dataclass(frozen=True)
class MinimumConfidence:
    """The smallest confidence of an output that needs no check.

    Attributes:
        least: the confidence, in [0, 1].
        confidence: computes confidences with the model's temperature.

    Example:
        >>> import numpy as np
        >>> output = Hypothesis("b", -0.2, ("b", "</s>"), np.zeros((2, 2), "float32"))
        >>> MinimumConfidence(0.9).mark(output), MinimumConfidence(0.95).mark(output)
        ('ok', 'check')
    """

    least: float
    confidence: Confidence = Confidence()

    def needs_check(self, output: Hypothesis | Translation) -> bool:
        """Return whether the confidence of an output is too small."""
        return self.confidence.of(output) < self.least

    def mark(self, output: Hypothesis | Translation) -> str:
        """Return the mark of an output."""
        return "check" if self.needs_check(output) else "ok"


def find_minimum(
    value: str | None, model: Path, *, others: bool = False, served: bool = False
) -> MinimumConfidence | None:
    """Return the minimum that the user gave, or the one that is stored with the model.

    Args:
        value: a number from 0 to 1, or "auto"; None for no minimum.
        model: the model: a folder, a checkpoint or an export.
        others: whether other models search together with this one. No threshold is stored for an
            ensemble, whether its members are given one by one or in one folder.
        served: whether the model runs on a server, so that `model` need not be a path.

    Raises:
        InputError: if the value is invalid, or if it is "auto" and no threshold is stored.
    """
    if value is None:
        return None
    least = None if value == AUTO else _number(value)
    ensemble = others or is_ensemble(model)
    local = not served or (model / MODEL_FILE).is_file() or is_export(model)
    stored = stored_confidence(model, others=others) if local else Confidence()
    if least is not None:
        if not local:
            print(
                f"note: {model}: a server does not report the model's temperature, so confidences "
                "use a temperature of 1; to use the model's own, give the path of its folder.",
                file=sys.stderr,
            )
        return MinimumConfidence(least, stored)
    if ensemble or not local:
        raise InputError(
            f"{model}: --min-confidence auto requires a threshold that is stored with the model, "
            f"and {'an ensemble' if ensemble else 'a server'} has none; give a number. "
            "Received: --min-confidence auto."
        )
    if stored.threshold is None:
        again = " and export it again" if is_export(model) else ""
        raise InputError(
            f"{model}: has no threshold for --min-confidence auto; run `keras-attention evaluate "
            f"--save-confidence` on the model's folder{again}, or give a number. "
            "Received: --min-confidence auto."
        )
    return MinimumConfidence(stored.threshold, stored)


def stored_confidence(model: Path, *, others: bool) -> Confidence:
    """Return the temperature and threshold that `translate` uses; the defaults for an ensemble."""
    return Confidence() if others or is_ensemble(model) else _stored(model)


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise InputError(
            f"--min-confidence must be a number from 0 to 1, or auto. Received: {value!r}."
        )
    return number


def _stored(model: Path) -> Confidence:
    """Return the temperature and the threshold of a model's folder, a checkpoint or an export."""
    if model.suffix == ".tflite":
        return Confidence.from_manifest(read_tflite(model).manifest, str(model))
    if is_export(model):
        from keras_attention.export.saved_model.manifest import read_confidence

        return read_confidence(model)
    from keras_attention.translation.model_files import find_parts, load_confidence

    return load_confidence(*find_parts(model))
