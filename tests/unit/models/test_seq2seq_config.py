"""Seq2Seq and recipes get their settings from the same declaration."""

import inspect
import subprocess
import sys
from dataclasses import MISSING

import pytest

from keras_attention import Seq2Seq
from keras_attention.errors import SettingError
from keras_attention.models.layer_config import LayerConfig
from keras_attention.models.seq2seq_config import Seq2SeqConfig
from keras_attention.training.recipe.model_config import ModelConfig

SIZES = {"source_vocabulary_size": 7, "target_vocabulary_size": 6}


def test_seq2seq_accepts_saves_and_documents_every_setting():
    config = Seq2Seq(7, 6, units=4, embedding=3).get_config()
    shown = inspect.signature(Seq2Seq).parameters
    for known in Seq2SeqConfig.settings():
        assert f"        {known.key}: " in Seq2Seq.__doc__
        assert known.key in config
        assert shown[known.key].default in (known.default, inspect.Parameter.empty)


def test_recipe_defaults_equal_constructor_defaults_except_for_two():
    constructor = {known.key: known for known in LayerConfig.settings()}
    recipe = {known.key.removeprefix("model."): known for known in ModelConfig.settings()}
    differ = {
        name
        for name, known in constructor.items()
        if recipe[name].default not in (known.default, known.unset)
    }
    assert differ == {"placement", "units"}
    for name, known in constructor.items():
        assert recipe[name].choices == known.choices
        assert (recipe[name].minimum, recipe[name].maximum) == (known.minimum, known.maximum)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"units": 5}, "units"),
        ({"merge": "ave"}, "merge"),
        ({"decoder": "gnmt"}, "decoder"),
        ({"decoder": "gnmt", "attention": "luong", "input_feeding": True}, "input_feeding"),
        ({"decoder": "transformer", "attention": "luong"}, "max_target_length"),
        ({"encoder": "transformer", "merge": "sum"}, "merge"),
        ({"encoder": "transformer", "heads": 3}, "units"),
        ({"tie_embeddings": "target", "embedding": 4}, "tie_embeddings"),
        ({"copying": True}, "copying"),
        ({"copying": True, "attention": "luong", "output_mapping": "entmax15"}, "output_mapping"),
    ],
)
def test_an_error_names_the_wrong_setting(settings, field):
    with pytest.raises(SettingError) as caught:
        Seq2SeqConfig(**SIZES, **{"units": 8, **settings})
    assert caught.value.field == field


def test_settings_do_not_import_keras():
    program = "import sys, keras_attention.models.seq2seq_config; sys.exit('keras' in sys.modules)"
    assert not subprocess.run([sys.executable, "-c", program]).returncode


def test_only_the_vocabulary_sizes_have_no_default():
    missing = {known.key for known in Seq2SeqConfig.settings() if known.default is MISSING}
    assert missing == set(SIZES)
