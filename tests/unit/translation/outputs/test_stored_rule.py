"""The limit on outputs that a model's folder stores."""

import dataclasses
import json

import pytest
from support import random_translator

from keras_attention import CharacterTokenizer, Ensemble, InputError, Translator, Vocabulary
from keras_attention.translation.file_names import LIMIT_FILE
from keras_attention.translation.folders.presets import PRESET_FILES
from keras_attention.translation.outputs.stored_rule import load_rule, save_rule

LETTERS = CharacterTokenizer(Vocabulary("abc1-"))
LIMITS = [{"pattern": r"[ab]-1"}, {"allowed": ["c-c", "", "1", "c-c"]}]


@pytest.fixture(scope="module")
def translator():
    return random_translator(LETTERS)


def limited(translator, **limit):
    copy = Translator(translator.model, translator.codec)
    copy.limit_outputs(**limit)
    return copy


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_stored_limit_makes_the_same_rule(limit, translator, tmp_path):
    rule = limited(translator, **limit).output_rule
    save_rule(rule, tmp_path)
    found = load_rule(tmp_path, LETTERS)
    assert (found.about, found.longest) == (rule.about, rule.longest)
    assert found.automaton.to_bytes() == rule.automaton.to_bytes()
    save_rule(found, tmp_path)
    assert load_rule(tmp_path, LETTERS).arguments == rule.arguments
    save_rule(None, tmp_path)
    assert load_rule(tmp_path, LETTERS) is None and not list(tmp_path.iterdir())


def test_a_loaded_translator_and_one_made_from_its_model_obey_the_rule(translator, tmp_path):
    limited(translator, pattern="1-1").save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert loaded("abc").text == "1-1"
    assert Translator.from_model(loaded.model).output_rule is loaded.output_rule
    assert LIMIT_FILE in PRESET_FILES
    loaded.limit_outputs()
    assert Translator.from_model(loaded.model).output_rule is None
    loaded.save(tmp_path)
    assert Translator.load(tmp_path).output_rule is None


def test_an_ensemble_stores_its_limit_and_searches_with_that_of_its_first_model(
    translator, tmp_path
):
    both = Translator(Ensemble([translator.model, translator.model]), translator.codec)
    limited(both, pattern="a1").save(tmp_path / "both")
    assert Translator.load(tmp_path / "both").output_rule.about == {"pattern": "a1"}
    assert Translator.load(tmp_path / "both" / "member-1").output_rule is None
    limited(translator, pattern="b").save(tmp_path / "one")
    paths = [tmp_path / "one", tmp_path / "both" / "member-1"]
    assert Translator.load_ensemble(paths).output_rule.about == {"pattern": "b"}
    assert Translator.load_ensemble(paths[::-1]).output_rule is None


def test_a_rule_that_was_made_from_an_automaton_cannot_be_stored(translator, tmp_path):
    rule = limited(translator, pattern="a").output_rule
    other = Translator(
        translator.model, translator.codec, output_rule=dataclasses.replace(rule, arguments={})
    )
    with pytest.raises(InputError, match="set it with `limit_outputs`. Received: an `output_rule`"):
        other.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("no JSON", "outputs.json"),
        ({"format": 2, "pattern": "a"}, "outputs.json"),
        ({"format": 1}, "expected either `pattern` or `allowed`. Received: none of them"),
        ({"format": 1, "pattern": "a", "allowed": []}, "Received: pattern and allowed"),
        ({"format": 1, "allowed": [3]}, "outputs.json: damaged, expected"),
        ({"format": 1, "allowed": ["x"]}, "outputs.json: allowed output 1: expected tokens of the"),
        ({"format": 1, "pattern": "["}, "outputs.json: `pattern` must be a valid regular express"),
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(values, message, tmp_path):
    text = values if isinstance(values, str) else json.dumps(values)
    (tmp_path / LIMIT_FILE).write_text(text)
    with pytest.raises(InputError, match=message.replace("[", "\\[")) as raised:
        load_rule(tmp_path, LETTERS)
    assert str(raised.value).startswith(str(tmp_path))
