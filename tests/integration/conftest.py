"""Models and exports that these tests share, and the command line in this process."""

import logging
import sys
from functools import partial
from typing import NamedTuple

import pytest
from browser import browser, find_browser
from build_once import build_once, shared_folder
from runs import SETTINGS, search_eagerly, train_eagerly, without_graphs
from variants import VARIANTS

FILE = "model.tflite"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Return `build(name, function)`, which fills a folder once per test run."""
    return partial(build_once, shared_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def trained(build):
    """Return the folder of a trained and exported model; do not change it."""

    def train_and_export(folder):
        from keras_attention.cli.exports import export_all
        from keras_attention.training.recipe.recipe import load_recipe
        from keras_attention.training.train import train

        export_all(train(load_recipe("dates", SETTINGS), folder), folder)

    return build("dates", train_and_export)


@pytest.fixture
def eagerly(monkeypatch):
    """Train and search without graphs; see `runs.train_eagerly`."""
    train_eagerly(monkeypatch)


@pytest.fixture(scope="session")
def translator(trained):
    from keras_attention import Translator

    return Translator.load(trained)


@pytest.fixture(scope="session", params=VARIANTS, ids="variant {}".format)
def variant_name(request):
    """Run a test once per variant, or only for a few variants if it has the mark `few_variants`."""
    return request.param


@pytest.fixture(scope="session")
def variant(variant_name):
    """Return a small untrained translator, whose exports store a temperature and a threshold."""
    from keras_attention.decoding.confidence import Confidence

    translator = without_graphs(VARIANTS[variant_name]())
    translator.confidence = Confidence(temperature=0.5, threshold=0.25, accuracy=0.9, pairs=300)
    return translator


@pytest.fixture(scope="session")
def saved_model(variant, variant_name, build):
    """Export the variant as a SavedModel; do not change its version folder."""
    from keras_attention.export.saved_model.saved_model import export_saved_model

    folder = build(f"SavedModel of {variant_name}", partial(export_saved_model, variant))
    return folder / "1"


@pytest.fixture(scope="session")
def served(saved_model):
    """Load the variant's SavedModel."""
    from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator

    return SavedModelTranslator.load(saved_model)


@pytest.fixture(scope="session")
def signatures(served):
    """Return the graphs of the variant's SavedModel."""
    return served._signatures


@pytest.fixture(scope="session")
def tflite_file(variant, variant_name, build):
    """Export the variant to TFLite; do not change the file."""
    from keras_attention.export.tflite.conversion import export_tflite

    folder = build(f"TFLite of {variant_name}", lambda new: export_tflite(variant, new / FILE))
    return folder / FILE


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    """Yield a window of a headless Chromium."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium: install it, or set CHROMIUM to its path")
    profile = tmp_path_factory.mktemp("profile")
    try:
        with browser(profile) as window:
            yield window
    except (EOFError, BrokenPipeError):
        shown_message = (profile / "stderr.log").read_text(errors="replace").strip().splitlines()
        pytest.skip(
            f"{path} does not run: {shown_message[-1] if shown_message else 'no error message'}"
        )


@pytest.fixture
def run(monkeypatch, capsys, tmp_path_factory):
    """Return `run(*arguments, stdin=b"")`, which runs the command line in this process.

    This is faster than starting a new process. Searches are made without graphs.
    """
    from keras_attention.cli import main

    search_eagerly(monkeypatch)

    logger = logging.getLogger("keras_attention")
    before = logger.handlers, logger.level

    def run(*arguments, stdin=b""):
        typed = tmp_path_factory.mktemp("typed") / "stdin"
        typed.write_bytes(stdin)
        capsys.readouterr()
        with open(typed) as file, pytest.raises(SystemExit) as end:
            monkeypatch.setattr(sys, "stdin", file)
            monkeypatch.setattr(sys, "argv", ["keras-attention", *map(str, arguments)])
            main()
        return Outcome(end.value.code, *capsys.readouterr())

    yield run
    logger.handlers, logger.level = before
