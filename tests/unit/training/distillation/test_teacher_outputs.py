"""Teachers' outputs equal their translations, and finished parts are not translated again."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support import random_translator

from keras_attention import BahdanauAttention, CharacterTokenizer, Vocabulary
from keras_attention.errors import InputError
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.training.data.pair_files import read_table
from keras_attention.training.data.tables import Layout
from keras_attention.training.distillation import teacher_outputs
from keras_attention.training.distillation.pair_table import format_pairs, table_data, write_table
from keras_attention.training.distillation.record import DistillOptions
from keras_attention.training.distillation.teacher_outputs import (
    TeacherOutputs,
    check_any,
    distilled_pairs,
)
from keras_attention.training.metrics.metric_kinds import edit_distance
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.translation.result import Hypothesis, Translation

LETTERS = "abcdef"
PAIRS = [(letters, letters[::-1]) for letters in ("afc", "bec", "cdb", "dcb", "eba", "fa")]


@pytest.fixture(scope="module")
def teacher():
    letters = CharacterTokenizer(Vocabulary(LETTERS))
    found = random_translator(letters, lengths=(16, 5), ends=1.0, attention=BahdanauAttention(4))
    bias = found.single_model.output_projection.bias
    bias.assign_add(np.where(np.arange(bias.shape[0]) == UNKNOWN_ID, -9.0, 0.0))
    found.codec.settings = replace(found.codec.settings, min_length=3)
    return found


def test_the_outputs_are_the_best_hypotheses_of_beam_search(teacher):
    found = distilled_pairs(teacher, PAIRS, DistillOptions(3))
    translations = teacher([source for source, _ in PAIRS], beam_width=3)
    assert found == [(each.source, each.text) for each in translations]


def test_the_nearest_hypothesis_has_the_fewest_edits_to_the_target(teacher):
    found = dict(distilled_pairs(teacher, PAIRS, DistillOptions(4, nearest=True)))
    best = dict(distilled_pairs(teacher, PAIRS, DistillOptions(4)))
    assert found != best
    for source, target in PAIRS:
        ended = [x.text for x in teacher(source, beam_width=4).hypotheses if "</s>" in x.tokens]
        distances = [edit_distance(text, target) for text in ended]
        assert found[source] == ended[int(np.argmin(distances))]


def test_a_source_without_a_target_has_the_best_hypothesis(teacher):
    pairs = [(source, "") for source, _ in PAIRS]
    best = distilled_pairs(teacher, PAIRS, DistillOptions(4))
    assert distilled_pairs(teacher, pairs, DistillOptions(4, nearest=True)) == best


def test_a_source_with_several_targets_is_translated_once():
    calls = []

    def translate(texts, **options):
        calls.append(list(texts))
        return [translation(text, text.upper()) for text in texts]

    pairs = [("a", "x"), ("b", "y"), ("a", "z")]
    assert distilled_pairs(stub(translate), pairs, DistillOptions(1)) == [
        ("a", "A"), ("b", "B"), ("a", "A")
    ]  # fmt: skip
    assert calls == [["a", "b"]]


def translation(source, *texts):
    ends = [() if text.endswith("-") else ("</s>",) for text in texts]
    hypotheses = [
        Hypothesis(text, -1.0, (*text.split(), *end), np.zeros((1, 1)))
        for text, end in zip(texts, ends, strict=True)
    ]
    return Translation(source, (source, "</s>"), tuple(hypotheses))


def stub(translate, max_tokens=9):
    """Return a translator that calls a function in place of a model."""
    letters = CharacterTokenizer(Vocabulary(LETTERS))
    codec = SimpleNamespace(source=letters, target=letters)

    class Stub:
        def __call__(self, texts, **options):
            return translate(texts, **options)

    found = Stub()
    found.codec, found.max_tokens = codec, max_tokens
    return found


@pytest.mark.parametrize("outputs", [["a <unk> b"], [" "], [""], ["cut off -"], []])
def test_an_output_that_is_empty_cut_off_or_has_an_unknown_token_is_not_used(outputs):
    translated = stub(lambda texts, **_: [translation(text, *outputs, "next") for text in texts])
    assert distilled_pairs(translated, [("ab", "ba")], DistillOptions(2)) == [("ab", "next")]
    found = distilled_pairs(
        stub(lambda texts, **_: [translation(text, *outputs) for text in texts]),
        [("ab", "ba")],
        DistillOptions(1),
    )
    assert found == []
    with pytest.raises(InputError, match=r"at least one of 7 sources. Received: only"):
        check_any(len(found), 7)


def test_a_source_that_is_too_long_for_the_teacher_is_left_out():
    teacher = stub(lambda texts, **_: [translation(text, "x") for text in texts], max_tokens=3)
    found = distilled_pairs(teacher, [("ab", "y"), ("abc", "y")], DistillOptions(1))
    assert found == [("ab", "x")]


def test_only_missing_parts_are_translated(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_outputs, "PART", 2)
    calls, counts = [], []

    def translate(texts, **options):
        calls.append(list(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return [translation(text, text + text) for text in texts]

    outputs = TeacherOutputs(PAIRS[:5], tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        outputs.write(stub(translate), DistillOptions(1))
    assert [len(places) for places in outputs.missing()] == [2, 1]
    outputs.write(stub(translate), DistillOptions(1), counts.append)
    assert calls[2:] == [[PAIRS[2][0], PAIRS[3][0]], [PAIRS[4][0]]] and counts == [2, 1]
    assert outputs.missing() == []
    assert "".join(outputs.read()) == format_pairs([(s, s + s) for s, _ in PAIRS[:5]])
    outputs.remove()
    assert not (tmp_path / "parts").exists()


def test_every_pair_of_a_table_is_read_back_as_it_was_written(tmp_path):
    pairs = [("a\tb", 'c "d"'), (" e ", "f"), ('"', "\u2028g"), ("h", "i\rj\n")]
    path = tmp_path / "{x}.tsv"
    write_table(path, [format_pairs(pairs)])
    data = table_data(
        DataConfig(max_target_length=7, format="tsv", source_features="domain"), path, None
    )
    assert list(read_table(path, Layout.of(data))) == [*pairs[:-1], ("h", "i j")]
    assert (data.held_out, data.validation_path, data.max_target_length) == (0, "", 7)
    assert data.source_features == "domain"
    assert data.path == str(tmp_path / "{{x}}.tsv")
