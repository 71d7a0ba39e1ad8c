"""The advice after training names a command that works, and missing pairs are an error."""

from pathlib import Path

import pytest

from keras_attention.cli.command_parts.evaluation_pairs import advise_to_evaluate, held_out_pairs
from keras_attention.errors import InputError
from keras_attention.training.recipe.data_config import DataConfig


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        ({}, "Next: keras-attention evaluate 'my run'"),
        (
            {"held_out": 0},
            "Next, with a file of other pairs: keras-attention evaluate 'my run' --data FILE",
        ),
        (
            {"held_out": 0, "validation_path": "held-out.tsv"},
            "Next: keras-attention evaluate 'my run'",
        ),
    ],
)
def test_the_advice_depends_on_the_held_out_pairs(data, advice):
    assert advise_to_evaluate(Path("my run"), DataConfig(**data)) == advice


def test_the_error_about_missing_pairs_gives_the_advice_of_the_command(tmp_path):
    with pytest.raises(InputError, match="pairs are not known; give a file of pairs.$"):
        held_out_pairs(tmp_path)
    with pytest.raises(InputError, match="pairs are not known; use --tflite float32.$"):
        held_out_pairs(tmp_path, "use --tflite float32")
