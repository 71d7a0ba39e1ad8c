"""The [decoding] section is derived from the search options that a model stores."""

import json
import pickle

import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.decoding.options import SearchOptions, StoredOptions
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, OptionError
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import SETTINGS_FILE

STORED = {known.key: known for known in StoredOptions.settings()}


def test_every_stored_option_is_a_setting_with_the_same_range_and_default():
    for name, known in STORED.items():
        setting = SETTINGS[f"decoding.{name}"]
        assert (setting.expected, setting.default) == (known.expected, known.default)
        assert setting.doc == known.doc


def test_every_stored_option_is_documented_and_written_to_a_models_files():
    letters = CharacterTokenizer(Vocabulary("ab"))
    stored = json.loads(TextCodec(letters, letters, SearchSettings(5, 7)).to_files()[SETTINGS_FILE])
    assert STORED.keys() <= stored.keys()
    assert all(f"\n        {known.key}: " in SearchOptions.__doc__ for known in STORED.values())


def test_an_error_names_the_setting():
    with pytest.raises(InputError, match="`decoding.length_penalty` must be a finite number of at"):
        load_recipe("dates", ["length_penalty=9"])


def test_an_option_error_can_be_pickled_for_another_process():
    error = OptionError("groups", "must divide {beam_width}", groups=3, beam_width=4)
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.field) == (str(error), "groups")
    assert copied.named("decoding.{}".format).startswith(
        "`decoding.groups` must divide `decoding.b"
    )
