import os

import pytest
from shared_data import SHARED, needs_shared

from keras_attention.errors import InputError
from keras_attention.training.data.data_paths import PATH_KEYS, absolute, find_files, literal
from keras_attention.training.data.datasets import DATASETS
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.recipe.recipe import Recipe, load_recipe


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a data folder with files in several languages, inside the working folder."""
    monkeypatch.chdir(tmp_path)
    files = {
        "kor_train.tsv": "가\tk a\n",
        "kor_dev.tsv": "나\tn a\n",
        "fre_train.tsv": "a\ta\n",
        "train.en": "one\n",
        "train.de": "eins\n",
        "train.de.gz": "",
        "de/de.txt": "zwei\tz\n",
        "fr/en.txt": "mixed up\tm\n",
    }
    for name, text in files.items():
        path = tmp_path / "words" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "words"


def tsv(**settings):
    return DataConfig(format="tsv", **{"folder": "words", "held_out": 0, **settings})


def test_paths_start_at_the_folder_and_braces_are_replaced_by_the_language(folder):
    config = tsv(language="kor", path="{language}_train.tsv", validation_path="{language}_dev.tsv")
    assert split_pairs(config, seed=1) == ([("가", "k a")], [("나", "n a")])


def test_a_path_can_have_two_languages(folder):
    config = DataConfig(
        format="parallel",
        folder="words",
        language="de",
        target_language="en",
        path="train.{language}",
        target_path="train.{target_language}",
        held_out=0,
    )
    assert split_pairs(config, seed=1)[0] == [("eins", "one")]


def test_an_absolute_path_ignores_the_folder(folder, tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("x\ty\n")
    assert split_pairs(tsv(folder="missing", path=str(other)), seed=1)[0] == [("x", "y")]


def test_without_a_folder_paths_start_at_the_working_folder(folder):
    config = tsv(folder="", language="de", path="words/{language}/{language}.txt")
    assert split_pairs(config, seed=1)[0] == [("zwei", "z")]


def test_an_empty_setting_names_no_file():
    assert [find_files(DataConfig(folder="missing"), key) for key in PATH_KEYS] == [[]] * 5


@pytest.mark.parametrize("name", ["{x}.tsv", "a}{b", "{language}", "{{", "plain"])
def test_braces_of_a_literal_path_are_kept(name):
    assert find_files(DataConfig(path=literal(name)), "path") == [name]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"path": "{language}_train.tsv", "language": "xxx"},
            "xxx_train.tsv: expected this file for data.language='xxx'. Received: a folder with "
            "files for: fre, kor.",
        ),
        (
            {"path": "train.{target_language}", "target_language": "fr"},
            "for data.target_language='fr'. Received: a folder with files for: de, en.",
        ),
        (
            {"path": "{language}/{language}.txt", "language": "fr"},
            "for data.language='fr'. Received: a folder with files for: de.",
        ),
        (
            {"path": "[{language}].tsv", "language": "fr"},
            "Received: a folder with no such file for any language.",
        ),
        (
            {"path": "{language}_train.tsv"},
            "`data.language` must be a language code, because data.path has {language}. "
            "Received: data.language=''.",
        ),
        (
            {"path": "{language}_train.tsv", "language": "../kor"},
            "Received: data.language='../kor'.",
        ),
        (
            {"path": "{lang}_train.tsv", "language": "kor"},
            "`data.path` may have {language} and {target_language}; write other braces twice. "
            "Received: data.path='{lang}_train.tsv'.",
        ),
        ({"path": "{language_train.tsv", "language": "kor"}, "write other braces twice"),
        ({"path": "a}.tsv"}, "write other braces twice"),
        ({"path": "kor_test.tsv"}, "kor_test.tsv: expected a file that can be read."),
    ],
)
def test_an_invalid_path_is_an_error(folder, settings, message):
    with pytest.raises(InputError) as error:
        split_pairs(tsv(**settings), seed=1)
    assert message in str(error.value)


@pytest.mark.parametrize("missing", ["nowhere", "words/kor_train.tsv"])
def test_the_error_about_a_missing_folder_contains_the_command_that_downloads_data(folder, missing):
    with pytest.raises(InputError) as error:
        split_pairs(tsv(folder=missing, path="a.tsv"), seed=1)
    message = str(error.value)
    assert message.startswith(f"{missing}: expected a folder with the recipe's data")
    assert f"`keras-attention data NAME {missing} --fetch`" in message
    assert all(name in message for name in DATASETS)


def test_the_command_names_the_data_set_that_the_folder_is_named_after():
    config = tsv(folder="data/g2p", path="a.tsv")
    with pytest.raises(InputError, match="with `keras-attention data g2p data/g2p --fetch`. Rec"):
        split_pairs(config, seed=1)


@pytest.mark.parametrize("inside", ["plain", "a {brace}"])
@pytest.mark.parametrize(
    "settings",
    [
        {"folder": "words", "path": "{language}.tsv"},
        {"folder": "", "path": "words/{language}.tsv"},
        {"folder": "", "path": "words/kor.tsv"},
    ],
)
def test_absolute_paths_do_not_depend_on_the_working_folder(
    settings, inside, tmp_path, monkeypatch
):
    words = tmp_path / inside / "words"
    words.mkdir(parents=True)
    (words / "kor.tsv").write_text("가\tk a\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / inside)
    config = absolute(tsv(language="kor", **settings))
    assert absolute(config) == config
    Recipe(data=config).save(tmp_path / "recipe.toml")
    monkeypatch.chdir(tmp_path)
    assert split_pairs(load_recipe(tmp_path / "recipe.toml").data, seed=1)[0] == [("가", "k a")]
    assert absolute(config) == config


def test_without_folder_and_braces_each_path_is_made_absolute():
    """Earlier versions saved runs in this form, and those runs must resume."""
    config = absolute(DataConfig(format="tsv", path="a.tsv"))
    assert (config.folder, config.path) == ("", os.path.abspath("a.tsv"))
    assert absolute(DataConfig()) == DataConfig()


PUBLIC = {  # for each recipe: data set, number of training pairs, number of held-out pairs
    "multi30k-en-de": ("multi30k", 29000, 1014),
    "multi30k-en-fr": ("multi30k", 29000, 1014),
    "multi30k-transformer": ("multi30k", 29000, 1014),
    "g2p": ("g2p", 3600, 450),
    "g2p-many": ("g2p", 21600, 2700),
    "eng-kor": ("tatoeba", 3018, 300),
}


def test_the_recipes_of_a_data_set_read_its_folder():
    recipes = {recipe: name for name, known in DATASETS.items() for recipe in known.recipes}
    assert recipes == {recipe: name for recipe, (name, *_) in PUBLIC.items()}
    for recipe, name in recipes.items():
        assert load_recipe(recipe).data.folder == f"data/{name}"


@needs_shared
@pytest.mark.parametrize("recipe", PUBLIC)
def test_recipes_read_the_public_data(recipe):
    name, training, held_out = PUBLIC[recipe]
    data = load_recipe(recipe, [f"folder={SHARED / name}"]).data
    assert tuple(map(len, split_pairs(data, seed=1))) == (training, held_out)


@needs_shared
def test_multi30k_can_be_read_in_another_direction_and_as_tokens():
    paths = ["path=tok/val.lc.norm.tok.{language}", "validation_path="]
    paths += ["target_path=tok/val.lc.norm.tok.{target_language}", "validation_target_path="]
    languages = ["language=de", "target_language=en", "held_out=14"]
    folder = f"folder={SHARED / 'multi30k'}"
    data = load_recipe("multi30k-en-de", [folder, *languages, *paths]).data
    training, _ = split_pairs(data, seed=1)
    assert len(training) == 1000
    assert not any(" der " in source or source != source.lower() for _, source in training)
    assert any(" der " in source for source, _ in training)


@needs_shared
@pytest.mark.parametrize("language", ["kor", "vie"])
def test_g2p_can_be_read_in_another_language(language):
    overrides = [f"folder={SHARED / 'g2p'}", f"language={language}"]
    assert len(split_pairs(load_recipe("g2p", overrides).data, seed=1)[0]) == 3600
