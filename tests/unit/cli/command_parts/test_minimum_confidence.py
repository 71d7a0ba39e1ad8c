"""The minimum for `translate --min-confidence` comes from the user or from the model."""

from pathlib import Path

import numpy as np
import pytest

from keras_attention.cli.command_parts import minimum_confidence
from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence, find_minimum
from keras_attention.decoding.confidence import Confidence, confidences
from keras_attention.errors import InputError
from keras_attention.translation.result import Hypothesis

STORED = Confidence(0.5, 0.8, 0.99, 100)


@pytest.fixture
def stored(monkeypatch):
    """Pretend that every model stores a confidence; return the list of models that were read."""
    read = []
    monkeypatch.setattr(minimum_confidence, "_stored", lambda model: read.append(model) or STORED)
    return read


def test_an_output_exactly_at_the_minimum_is_accepted():
    output = Hypothesis("x", -0.5, ("x", "</s>"), np.zeros((2, 1), "float32"))
    least = float(confidences([-0.25])[0])
    assert MinimumConfidence(least).mark(output) == "ok"
    assert MinimumConfidence(np.nextafter(least, 1)).mark(output) == "check"


def test_a_number_uses_the_temperature_of_the_model(stored):
    assert find_minimum("0.25", Path("m")) == MinimumConfidence(0.25, STORED)
    assert find_minimum("auto", Path("m")) == MinimumConfidence(0.8, STORED)
    assert find_minimum(None, Path("m")) is None
    assert stored == [Path("m"), Path("m")]


def test_an_ensemble_has_neither_temperature_nor_threshold(stored):
    assert find_minimum("0.25", Path("m"), others=True) == MinimumConfidence(0.25)
    with pytest.raises(InputError, match=r"and an ensemble has none; give a number\. Received:"):
        find_minimum("auto", Path("m"), others=True)
    assert not stored


def test_the_folder_of_an_ensemble_has_neither_temperature_nor_threshold(stored, tmp_path):
    (tmp_path / "ensemble.json").touch()
    assert find_minimum("0.25", tmp_path) == MinimumConfidence(0.25)
    with pytest.raises(InputError, match=r"and an ensemble has none; give a number\. Received:"):
        find_minimum("auto", tmp_path)
    assert not stored


def test_a_server_has_no_temperature_unless_the_models_folder_is_named(stored, tmp_path, capsys):
    assert find_minimum("0.25", Path("m"), served=True) == MinimumConfidence(0.25)
    assert capsys.readouterr().err == (
        "note: m: a server does not report the model's temperature, so confidences use a "
        "temperature of 1; to use the model's own, give the path of its folder.\n"
    )
    with pytest.raises(InputError, match="and a server has none; give a number"):
        find_minimum("auto", Path("m"), served=True)
    assert not stored
    (tmp_path / "model.keras").touch()
    assert find_minimum("auto", tmp_path, served=True) == MinimumConfidence(0.8, STORED)


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "inf", "high", ""])
def test_other_values_are_refused(value):
    with pytest.raises(InputError) as error:
        find_minimum(value, Path("m"))
    assert str(error.value) == (
        f"--min-confidence must be a number from 0 to 1, or auto. Received: {value!r}."
    )


def test_the_error_names_a_model_without_a_threshold(monkeypatch):
    monkeypatch.setattr(minimum_confidence, "_stored", lambda model: Confidence(0.5))
    with pytest.raises(InputError, match="on the model's folder, or give a number"):
        find_minimum("auto", Path("m"))
    with pytest.raises(InputError, match="on the model's folder and export it again, or give"):
        find_minimum("auto", Path("m.tflite"))
