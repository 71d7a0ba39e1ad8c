"""The record of a distillation shows if its teachers, data or options have changed."""

import json
from dataclasses import replace

import pytest

from keras_attention.errors import InputError
from keras_attention.training.distillation.record import Distillation, DistillOptions
from keras_attention.translation.folders.ensemble_folder import write_members

PAIRS = [("a", "b"), ("c", "d")]


@pytest.fixture
def teachers(tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        (folder / "model.keras").write_text(folder.name)
    return folders


@pytest.fixture
def record(teachers):
    return Distillation.of(DistillOptions(4, nearest=True), teachers, PAIRS, PAIRS[:1])


def test_a_record_is_read_back_as_it_was_written(record, tmp_path):
    record.save(tmp_path)
    assert Distillation.read(tmp_path) == record
    record.check_same(Distillation.read(tmp_path), tmp_path)


def test_sources_without_a_target_are_recorded(record, teachers):
    options = DistillOptions(4, nearest=True)
    found = [
        Distillation.of(options, teachers, PAIRS, PAIRS[:1], sources)
        for sources in (["e", "f"], ["e", "g"], [])
    ]
    assert [each.sources for each in found] == [2, 2, 0]
    assert found[0].sources_digest != found[1].sources_digest
    assert found[2] == record


def test_a_record_of_an_older_version_has_no_sources(record, tmp_path):
    record.save(tmp_path)
    path = tmp_path / "distillation.json"
    values = json.loads(path.read_text())
    del values["sources"], values["sources_digest"]
    path.write_text(json.dumps(values))
    assert Distillation.read(tmp_path) == record


def test_a_teacher_may_have_moved(record, teachers, tmp_path):
    moved = teachers[0].rename(tmp_path / "moved")
    options = DistillOptions(4, nearest=True)
    now = Distillation.of(options, [moved / "model.keras", teachers[1]], PAIRS, PAIRS[:1])
    record.check_same(now, tmp_path)


def test_every_member_of_an_ensemble_is_recorded(record, teachers, tmp_path):
    write_members(tmp_path, {"first": None, "second": None})
    now = Distillation.of(DistillOptions(4, nearest=True), [tmp_path], PAIRS, PAIRS[:1])
    assert now == record


def test_a_teacher_with_other_weights_is_an_error(record, teachers, tmp_path):
    (teachers[1] / "model.keras").write_text("other")
    now = Distillation.of(DistillOptions(4, nearest=True), teachers, PAIRS, PAIRS[:1])
    with pytest.raises(InputError, match=r"second.model\.keras: expected the teacher that .* was"):
        record.check_same(now, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beam_width": 5}, r"a different --beam; use the original .* Expected: 4\. Received: 5\."),
        ({"nearest": False}, "a different --nearest"),
        ({"with_pairs": True}, "a different --with-pairs"),
        ({"pairs": 3}, r"a different number of training pairs; .* Expected: 2\. Received: 3\."),
        ({"training": "x"}, "a different set of training pairs"),
        ({"held_out": "x"}, "a different set of held-out pairs"),
        ({"sources": 1}, r"a different number of sources in --sources; .* Expected: 0\. Receiv"),
        ({"sources_digest": "x"}, "a different set of sources in --sources"),
        ({"teachers": ()}, r"a different number of teachers; .* Expected: 2\. Received: 0\."),
    ],
)
def test_other_options_or_pairs_are_an_error(record, change, words, tmp_path):
    with pytest.raises(InputError, match=words):
        record.check_same(replace(record, **change), tmp_path)


def test_a_missing_or_damaged_record_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"distillation\.json: expected a file that can be read"):
        Distillation.read(tmp_path)
    (tmp_path / "distillation.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match=r"distillation\.json: damaged, expected the content that"):
        Distillation.read(tmp_path)


def test_nearest_requires_several_hypotheses():
    with pytest.raises(InputError, match=r"--nearest .* requires --beam 2 or more. Received: --b"):
        DistillOptions(1, nearest=True)
