"""One small trained model for all of these tests, and the command line in this process."""

import logging
import sys
from typing import NamedTuple

import pytest
from runs import SETTINGS
from variants import VARIANTS


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a trained and exported model; not to be changed."""
    from keras_attention.cli.exports import export_all
    from keras_attention.training.recipe import load_recipe
    from keras_attention.training.train import train

    folder = tmp_path_factory.mktemp("saved_models") / "dates"
    export_all(train(load_recipe("dates", SETTINGS), folder), folder)
    return folder


@pytest.fixture(scope="session")
def translator(trained):
    from keras_attention import Translator

    return Translator.load(trained)


@pytest.fixture(scope="session", params=VARIANTS)
def variant(request):
    """A translator of every shape, in turn."""
    return VARIANTS[request.param]()


@pytest.fixture(scope="session")
def saved_model(variant, tmp_path_factory):
    """The version folder of its SavedModel; not to be changed."""
    from keras_attention.export.saved_model import export_saved_model

    return export_saved_model(variant, tmp_path_factory.mktemp("exported"))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path_factory):
    """`run(*arguments, stdin=b"")`: the command line in this process, which saves its start."""
    from keras_attention.cli import main

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
