"""An option that would have no effect is refused before a model is loaded."""

import pytest
from typer.testing import CliRunner

from keras_attention.cli.commands import app
from keras_attention.errors import InputError

INEFFECTIVE = {
    "translate m --deadline 5": "--deadline requires --server. Received: --deadline alone.",
    "translate m --sample --length-penalty 1": "--length-penalty has no effect with --sample",
    "translate m --stream --coverage-penalty 1": "--coverage-penalty has no effect with --stream",
    "translate m --json --alignments": "--alignments has no effect with --json; leave one of them",
    "translate m --scores --json": "--scores has no effect with --json",
    "translate m --json --words": "--words has no effect with --json; leave one of them out",
    "translate m --json --threshold 0.5": "--threshold has no effect with --json",
    "translate m --stream --batch-size 8": "cannot be combined with --batch-size",
    "translate m.tflite --whole-vocabulary": "--whole-vocabulary requires the model's folder",
    "evaluate m.tflite --data d --whole-vocabulary": "--whole-vocabulary requires the model's",
    "translate m.tflite --stream --whole-vocabulary": "Received: --whole-vocabulary.",
    "train copy --show --output x": "--output has no effect with --show",
    "train copy --show --resume": "--resume has no effect with --show",
    "train copy --show --overwrite": "--overwrite has no effect with --show",
    "train copy --show --seeds 2": "--seeds has no effect with --show",
    "evaluate m --format csv": "--format requires a file of pairs. Received: --format csv alone.",
    "align m --format csv": "--format requires a file of pairs. Received: --format csv alone.",
    "export m --tflite-batch 4 --web p": "--web cannot be combined with --tflite-batch",
    "evaluate m --data d --terms d --save-limit": "a model cannot store terms",
    "evaluate m m.tflite --data d --save-limit": "--save-limit requires exactly one model",
    "evaluate m.tflite --data d --save-limit": "requires the folder of a trained model; e",
    "export m --lines 9": "--lines requires --tflite with a precision other than float32",
}


@pytest.mark.parametrize("command", INEFFECTIVE)
def test_an_option_without_effect_is_refused(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    for name, text in (("m.tflite", ""), ("d", "a\tb\n")):
        (tmp_path / name).write_text(text)
    error = CliRunner().invoke(app, command.split()).exception
    assert isinstance(error, InputError) and INEFFECTIVE[command] in str(error)


def test_the_default_of_an_option_is_not_an_option_that_was_given():
    error = CliRunner().invoke(app, ["translate", "missing", "--stream"]).exception
    assert isinstance(error, InputError) and "missing" in str(error)
