"""The confidence of an output, with the temperature and the threshold of its model.

`evaluate` measures temperature and threshold on held-out pairs and can store them with a model. The
exports of the model store them too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.schema import JsonFile, integer, nullable, number, text

FORMAT = 1
"""Version of the file's format; a reader rejects every other version."""

COOLEST, HOTTEST = 0.02, 50.0
"""The range of a temperature."""

_LARGEST = -1e-6
"""Largest mean log-probability. It differs from 0 by about the rounding error of float32."""

_KEYS = {
    "temperature": number(COOLEST, HOTTEST),
    "threshold": nullable(number(0, 1)),
    "accuracy": nullable(number(0, 1)),
    "pairs": integer(0),
}
_VALUES = JsonFile("the values that `evaluate --save-confidence` writes", _KEYS)
_FILE = JsonFile(_VALUES.name, {**_KEYS, "weights": text()}, FORMAT)

Floats = npt.NDArray[np.float64]


class Scored(Protocol):
    """An output with a score: a `Hypothesis`, or a `Translation`, whose best hypothesis counts."""

    @property
    def per_token(self) -> float:
        """The score divided by the number of tokens."""


@dataclass(frozen=True)
class Confidence:
    """The temperature and the threshold of a model.

    The confidence of an output is a number in [0, 1], computed from its score `s`, the sum of the
    natural log-probabilities of its `n` tokens, `</s>` included:

        confidence = exp(min(s / n, -1e-6) / temperature)

    With a temperature of 1, it is the geometric mean of the probabilities of the tokens. `evaluate`
    chooses the temperature so that the confidence estimates the probability that the whole output
    is right. A temperature below 1 lowers all confidences, and a temperature above 1 raises them.
    The temperature scales the log-probabilities of the output and not the logits, because every
    runtime returns the score and the tokens.

    Attributes:
        temperature: the temperature, from 0.02 to 50.
        threshold: the smallest confidence of an accepted output, in [0, 1]; None if not known.
        accuracy: the share of right outputs, in [0, 1], for which `threshold` was chosen, or None.
        pairs: the number of pairs on which temperature and threshold were measured, or 0.

    Raises:
        ValueError: if the temperature or the threshold is out of its range.

    Example:
        >>> from keras_attention.translation.result import Hypothesis
        >>> output = Hypothesis("b", -0.2, ("b", "</s>"), np.zeros((2, 2), "float32"))
        >>> round(Confidence().of(output), 4)
        0.9048
        >>> confidence = Confidence(temperature=0.5, threshold=0.9)
        >>> round(confidence.of(output), 4), confidence.accepts(output)
        (0.8187, False)

    Reference: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """

    temperature: float = 1.0
    threshold: float | None = None
    accuracy: float | None = None
    pairs: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if not COOLEST <= self.temperature <= HOTTEST:
            raise ValueError(
                f"`temperature` must be from {COOLEST} to {HOTTEST}. Received: {self.temperature}."
            )
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"`threshold` must be from 0 to 1. Received: {self.threshold}.")

    def of(self, output: Scored) -> float:
        """Return the confidence of an output, in [0, 1]; 0 if the output is missing.

        Args:
            output: a hypothesis, or a translation, whose best hypothesis counts.
        """
        return float(confidences([output.per_token], self.temperature)[0])

    def accepts(self, output: Scored) -> bool:
        """Return whether the confidence of an output reaches the threshold.

        Raises:
            ValueError: if the threshold is not known.
        """
        if self.threshold is None:
            raise ValueError("`accepts` requires a threshold. Received: threshold=None.")
        return self.of(output) >= self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return the values for the manifest of an export."""
        return asdict(self)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], where: str) -> Confidence:
        """Return the confidence that an export stores; older exports store none.

        Args:
            manifest: the export's manifest.
            where: the export's name in errors.

        Raises:
            InputError: if the values are damaged.
        """
        values = manifest.get("confidence", cls().to_json())
        if not isinstance(values, dict):
            raise InputError(
                f"{where}: damaged, expected an object as `confidence`. Received: {values!r:.40}."
            )
        _VALUES.check(values, where)
        return cls(**{key: values[key] for key in _KEYS})

    def to_bytes(self, weights: str) -> bytes:
        """Return the content of the file in a model's folder.

        Args:
            weights: the identity of the weights that the values were measured with.
        """
        values = {"format": FORMAT, **asdict(self), "weights": weights}
        return (json.dumps(values, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, file_bytes: bytes, where: str, weights: str) -> Confidence | None:
        """Return the confidence in a file; None if it was measured with different weights.

        Args:
            file_bytes: the content of the file.
            where: the file's name in errors.
            weights: the identity of the model's weights.

        Raises:
            InputError: if the file is damaged.
        """
        values = _FILE.parse(file_bytes, where)
        if values["weights"] != weights:
            return None
        return cls(**{key: values[key] for key in _KEYS})


def confidences(per_token: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Return the confidence of each output; see `Confidence` for the equation.

    Args:
        per_token: score of each output, divided by its number of tokens, `[N]`.
        temperature: the temperature, above 0.

    Returns:
        Confidences in [0, 1], `[N]`.
    """
    values: Floats = np.exp(bounded(per_token) / temperature)
    return values


def bounded(per_token: npt.ArrayLike) -> Floats:
    """Lower mean log-probabilities to at most -1e-6, so that no confidence is 1."""
    values: Floats = np.minimum(np.asarray(per_token, "float64"), _LARGEST)
    return values
