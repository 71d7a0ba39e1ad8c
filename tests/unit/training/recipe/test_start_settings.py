import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import load_recipe

START = load_recipe("dates", ["units=64", "source_normalization=nfd", "dropout=0.1"])


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "new.toml"
        path.write_text(text)
        return path

    return write


def test_unset_settings_of_model_and_text_are_taken_from_the_start_model(write):
    recipe = load_recipe(write("[training]\nepochs = 2\n"), start=START)
    assert recipe.model == START.model and recipe.text == START.text
    assert recipe.data != START.data
    assert recipe.name == "new"


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (
            "[model]\nunits = 32\n",
            [],
            "`model.units` must be 64, as in the model given with --from; leave it out or set that "
            "value. Received: model.units=32.",
        ),
        ("", ["attention=none"], '`model.attention` must be "bahdanau", as in the model'),
        ("", ["lowercase=true"], "`text.lowercase` must be false, as in the model"),
        ("", ["target_tokenizer=word"], '`text.target_tokenizer` must be "character"'),
        ("", ["source_embeddings=a.vec"], "`model.source_embeddings` cannot be used with --from"),
    ],
)
def test_a_contradiction_is_an_error_that_names_the_setting(write, text, override, message):
    with pytest.raises(InputError) as error:
        load_recipe(write(text), override, start=START)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        "units=64",  # this is the start model's value
        "dropout=0.5",
        "source_subword_dropout=0",
        "min_count=3",
        "target_vocabulary_size=500",
        "score=dot",  # Bahdanau's attention does not use this
    ],
)
def test_settings_that_do_not_change_the_model_may_differ(write, override):
    load_recipe(write(""), [override], start=START)
