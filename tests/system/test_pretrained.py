"""The models in saved_models/pretrained load and have the quality that their README states."""

import hashlib
import re
from pathlib import Path

import pytest
from shared_data import SHARED, needs_shared

from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.evaluation.evaluate import evaluate
from keras_attention.training.recipe.recipe import load_recipe

MODELS = Path(__file__).parents[2] / "saved_models"
FOLDER = MODELS / "pretrained"
SUMS = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())


def figure_in_readme(name, measured_on):
    """Return the README's figure for a model file and the data that it was measured on."""
    table = (MODELS / "README.md").read_text(encoding="utf-8")
    row = next(
        line
        for line in table.splitlines()
        if line.startswith(f"| `{name}`") and measured_on in line
    )
    return float(re.search(r"([\d.]+) % \|$", row)[1])


def test_every_file_is_listed_and_all_files_together_are_small():
    files = {path.name: path for path in FOLDER.glob("*.tflite")}
    assert files.keys() == SUMS.keys()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8_000_000


@pytest.mark.parametrize("name", SUMS)
def test_each_file_has_the_listed_checksum_and_a_training_log(name):
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == SUMS[name]
    log = FOLDER / name.replace(".tflite", ".log")
    assert log.read_text(encoding="utf-8").startswith("$ keras-attention train ")


def test_the_dates_model_reaches_its_figure_on_held_out_dates():
    recipe = load_recipe("dates")
    _, held_out = split_pairs(recipe.data, recipe.seed)
    translator = DeviceTranslator.load(FOLDER / "dates.tflite")
    found = evaluate(translator, held_out[:1000]).exact_match
    assert 100 * found == figure_in_readme("dates.tflite", "5,000 generated dates")


@needs_shared
@pytest.mark.parametrize("part, described", [("dev", "development set"), ("test", "test set")])
@pytest.mark.parametrize("language", ["fre", "kor"])
def test_a_pronunciation_model_reaches_its_figure(language, part, described):
    figure = figure_in_readme(f"g2p-{language}.tflite", described)
    assert word_error_rate(f"g2p-{language}", language, part) == pytest.approx(figure, abs=0.45)


@needs_shared
@pytest.mark.parametrize("language", ["fre", "hun", "ice", "jpn", "kor", "vie"])
def test_the_model_of_six_languages_reaches_its_figures(language):
    figure = figure_in_readme("g2p-many.tflite", f"`{language}`")
    assert word_error_rate("g2p-many", language, "test") == pytest.approx(figure, abs=0.45)


def word_error_rate(model, language, part):
    """Return the error rate of 450 words; on another processor, one or two of them may differ."""
    path = SHARED / "g2p" / f"{language}_{part}.tsv"
    pairs = read_pairs(load_recipe("g2p", [f"data.path={path}"]).data)
    translator = DeviceTranslator.load(FOLDER / f"{model}.tflite")
    features = {"language": language} if translator.codec.source.features else {}
    found = evaluate(lambda texts: translator(texts, features=features), pairs)
    return found.score("g2p_wer").value
