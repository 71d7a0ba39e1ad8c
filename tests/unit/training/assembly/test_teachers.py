"""Teachers must have the same tokenizers, which a student of their probabilities must use too."""

import os

import pytest
from support import random_translator

from keras_attention import CharacterTokenizer, Seq2Seq, Translator, Vocabulary, WordTokenizer
from keras_attention.errors import InputError
from keras_attention.training.assembly.build import build_codec
from keras_attention.training.assembly.teachers import (
    check_output,
    check_teachers,
    load_teachers,
    open_teachers,
    teacher_tokenizers,
)
from keras_attention.training.recipe.recipe import load_recipe

LETTERS = CharacterTokenizer(Vocabulary("abc"), strip=True)
PAIRS = [("ab", "ba")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with saved models: two teachers, and others that differ."""
    folder = tmp_path_factory.mktemp("teachers")
    random_translator(LETTERS).save(folder / "first")
    random_translator(LETTERS, seed=1, units=6).save(folder / "second")
    lower = CharacterTokenizer(Vocabulary("abc"), strip=True, lowercase=True)
    random_translator(lower, LETTERS).save(folder / "lower")
    random_translator(WordTokenizer(Vocabulary("abc"), strip=True)).save(folder / "words")
    features = Seq2Seq(None, 7, units=4, embedding=3, source_shape=(None, 3))
    features.build()
    (folder / "features").mkdir()
    for path in (folder / "first").iterdir():
        (folder / "features" / path.name).write_bytes(path.read_bytes())
    features.save(folder / "features" / "model.keras")
    (folder / "export").mkdir()
    (folder / "export" / "saved_model.pb").touch()
    (folder / "model.tflite").touch()
    return folder


def student(folder, *names, settings=()):
    teachers = os.pathsep.join(str(folder / name) for name in names)
    return load_recipe("copy", [f"teachers={teachers}", "teacher_weight=0.5", *settings])


def test_a_student_has_its_teachers_tokenizers(folder):
    recipe = student(folder, "first", "second")
    codec = build_codec(recipe, PAIRS)
    assert codec.source.vocabulary.tokens == LETTERS.vocabulary.tokens
    assert codec.settings.max_length == recipe.data.max_target_length
    model = load_teachers(recipe.training, codec)
    assert [each.settings.units for each in model.models] == [8, 6]


def test_teachers_of_a_fine_tuned_student_have_the_tokenizers_of_its_start_model(folder):
    recipe = student(folder, "first")
    same = random_translator(LETTERS).codec
    codec = build_codec(recipe, PAIRS, same)
    assert codec.source.vocabulary.tokens == LETTERS.vocabulary.tokens
    other = random_translator(LETTERS, CharacterTokenizer(Vocabulary("bca"), strip=True)).codec
    with pytest.raises(InputError, match=r"--from and training\.teachers, .* different target"):
        build_codec(recipe, PAIRS, other)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("export", r"export: a teacher must be the folder of a trained model .* an export\."),
        ("model.tflite", r"model\.tflite: a teacher must be .* Received: an export\."),
        ("missing", r"missing: no such folder; expected "),
        ("lower", r"lower: expected the same tokenizers and normal forms as in .*first, .*source"),
        ("features", "features: expected a model with text as its source. Received: a model with"),
    ],
)
def test_a_model_that_cannot_be_a_teacher_is_an_error(folder, name, words):
    with pytest.raises(InputError, match=words) as caught:
        open_teachers([folder / "first", folder / name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("words", [], r"set text\.source_tokenizer=word, .* Received: text\.source_tokenizer=char"),
        ("lower", [], r"set text\.lowercase=true, .* Received: text\.lowercase=false\."),
        ("first", ["strip=false"], r"set text\.strip=true"),
        ("first", ["target_vocabulary_size=2"], r"set text\.target_vocabulary_size=3, .*=2\."),
        ("first", ["source_normalization=nfd"], r"set text\.source_normalization=nfc"),
    ],
)
def test_a_student_with_other_tokenizers_is_an_error(folder, name, settings, words):
    with pytest.raises(InputError, match=rf"{name}: a student learns .* only with .* {words}"):
        build_codec(student(folder, name, settings=settings), PAIRS)


def test_a_student_with_other_source_features_is_an_error(folder):
    settings = ["format=tsv", "data.path=a.tsv", "source_features=language"]
    words = r"first: expected a teacher .* data\.source_features: language\. .* features: none\."
    with pytest.raises(InputError, match=words):
        teacher_tokenizers(student(folder, "first", settings=settings))


def test_a_teacher_that_no_longer_fits_a_run_is_an_error(folder):
    recipe = student(folder, "words")
    with pytest.raises(InputError, match=r"words: expected the tokenizers that the run was"):
        load_teachers(recipe.training, random_translator(LETTERS).codec)


def test_teachers_and_their_weight_require_each_other():
    for setting in ("teachers=a", "teacher_weight=0.5"):
        with pytest.raises(InputError, match="`training.teachers` and a .* require each other"):
            load_recipe("copy", [setting])


def test_a_run_does_not_overwrite_its_teacher(folder, tmp_path):
    both = [folder / "first", folder / "second"]
    ensemble = tmp_path / "both"
    Translator.load_ensemble(both).save(ensemble)
    checkpoint = folder / "first" / "model.keras"
    taken = [(both, both[1]), ([checkpoint], both[0])]
    taken += [([ensemble], ensemble), ([ensemble], ensemble / "member-2")]
    taken += [([ensemble / "member-1"], ensemble)]
    for teachers, output in taken:
        with pytest.raises(InputError) as caught:
            check_output(teachers, output)
        words = f"{output}: a teacher is in this folder; choose another with --output."
        assert str(caught.value) == words
    for output in (folder / "words", folder / "new", ensemble / "member-3"):
        check_output([*both, ensemble], output)


def test_a_single_teacher_is_also_checked(folder):
    assert check_teachers([folder / "first"]).source.vocabulary.tokens == LETTERS.vocabulary.tokens
