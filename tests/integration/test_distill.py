"""A student is distilled from teachers; its run folder is like the folder of any other run."""

import csv
import json
import os
import shutil

import keras
import numpy as np
import pytest
from runs import contents, copy_after, overrides

from keras_attention import Translator
from keras_attention.special_tokens import END_ID, UNKNOWN_ID
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.distillation import teacher_outputs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train

SETTINGS = ["size=60", "held_out=12", "longest=5", "units=8", "embedding=6", "batch_size=24"]
SETTINGS += ["learning_rate=0.02", "max_target_length=7", "min_length=3"]
STUDENT = overrides(*SETTINGS, "epochs=2", "seed=2", "units=4")


@pytest.fixture
def teacher(build, tmp_path, monkeypatch, eagerly):
    """Make a working folder with a trained teacher."""
    folder = build("teacher", train_teacher)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teacher_outputs, "PART", 16)
    shutil.copytree(folder, tmp_path / "teacher")
    return tmp_path / "teacher"


def train_teacher(folder):
    """Train for one epoch, and prevent outputs that contain `<unk>` or do not end."""
    translator = train(load_recipe("copy", [*SETTINGS, "epochs=1"]), folder)
    bias = translator.single_model.output_projection.bias
    ids = np.arange(bias.shape[0])
    bias.assign_add(np.select([ids == UNKNOWN_ID, ids == END_ID], [-3.0, 3.0], 0.0))
    translator.save(folder)


def distill(run, *arguments, teachers=("teacher",)):
    return run("distill", *teachers, "--into", "copy", *STUDENT, "--output", "new", *arguments)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file, delimiter="\t")]


def kept_pairs(teacher):
    """Return the pairs whose sources neither the student's recipe nor the teacher holds out."""
    recipe = load_recipe("copy", STUDENT[1::2])
    training, held_out = split_pairs(recipe.data, recipe.seed)
    kept = {source for source, _ in (*held_out, *read_held_out(teacher).pairs)}
    return [pair for pair in training if pair[0] not in kept], held_out


def test_a_student_trains_on_the_outputs_of_its_teacher(teacher, run, tmp_path):
    outcome = distill(run, "--beam", "3", "--with-pairs")
    assert outcome.code == 0, outcome.err
    pairs, held_out = kept_pairs(teacher)
    found = Translator.load(teacher)([source for source, _ in pairs], beam_width=3)
    expected = [(each.source, each.text) for each in found]
    assert read(tmp_path / "new" / "distilled.tsv") == [*expected, *pairs]
    assert read_held_out(tmp_path / "new").pairs == held_out
    assert not read_held_out(tmp_path / "new").seen
    record = json.loads((tmp_path / "new" / "distillation.json").read_text())
    assert [each["path"] for each in record["teachers"]] == [str(teacher / "model.keras")]
    assert not (tmp_path / "new" / "teacher_outputs").exists()
    evaluated = run("evaluate", "new")
    assert (evaluated.code, "of 12 pairs" in evaluated.out) == (0, True), evaluated
    before = contents(tmp_path / "new")
    assert distill(run, "--beam", "3", "--with-pairs").code == 2
    assert contents(tmp_path / "new") == before
    again = distill(run, "--beam", "3", "--with-pairs", "--resume", "--set", "epochs=3")
    assert again.code == 0, again.err
    assert len(RunFolder("new").metrics()) == 3
    assert outcome.out.endswith("Trained. Next: keras-attention evaluate new\n")
    moved = tmp_path / "new" / "recipe.toml"
    assert run("train", moved, "--output", "new", "--overwrite").code == 0
    assert read(tmp_path / "new" / "distilled.tsv") == [*expected, *pairs]


def test_teachers_also_translate_sources_without_targets(teacher, run, tmp_path):
    pairs, held_out = kept_pairs(teacher)
    known = [pairs[0][0], held_out[0][0], read_held_out(teacher).pairs[0][0]]
    new = ["4 4", "0 0", "1 2 1"]
    assert not set(new) & {source for source, _ in (*pairs, *held_out)}
    (tmp_path / "new.txt").write_text("\n".join([*new, *known, new[0]]))
    options = ["--beam", "3", "--with-pairs", "--nearest", "--sources", "new.txt"]
    # The student has more steps than its recipe has with the recipe's own pairs.
    options += ["--set", "validate_every=6"]
    outcome = distill(run, *options)
    assert outcome.code == 0, outcome.err
    assert f"the teachers translate {len(pairs) + 3} of {len(pairs) + 3} sources" in outcome.err
    assert "3 of 6 different sources in --sources are skipped" in outcome.err
    found = Translator.load(teacher)(new, beam_width=3)
    rows = read(tmp_path / "new" / "distilled.tsv")
    assert rows[len(pairs) :] == [*((each.source, each.text) for each in found), *pairs]
    (tmp_path / "new.txt").write_text("4 4\n0 0")
    changed = distill(run, *options, "--resume")
    assert (changed.code, "different number of sources in --sources" in changed.err) == (2, True)


def test_a_killed_distillation_continues_where_it_stopped(teacher, run, tmp_path, monkeypatch):
    assert distill(run).code == 0
    whole = (tmp_path / "new" / "distilled.tsv").read_bytes()
    weights = Translator.load("new").single_model.get_weights()
    shutil.rmtree(tmp_path / "new")
    calls, translate = [], Translator.__call__

    def stop(self, texts, **options):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return translate(self, texts, **options)

    monkeypatch.setattr(Translator, "__call__", stop)
    stopped = distill(run)
    assert (stopped.code, stopped.err.splitlines()[-1]) == (
        130,
        "Stopped. Use --resume to continue.",
    )
    assert len(list((tmp_path / "new" / "teacher_outputs").iterdir())) == 1
    refused = run("train", "copy", "--output", "new", *overrides(*SETTINGS))
    assert (refused.code, "continue it with `distill --resume`" in refused.err) == (2, True)
    copy_after(1, tmp_path / "copy", monkeypatch)
    assert distill(run, "--resume").code == 0
    assert calls[2:4] == [16, 16]
    assert (tmp_path / "new" / "distilled.tsv").read_bytes() == whole
    resumed = distill(run, "--resume", "--output", "copy")
    assert resumed.code == 0, resumed.err
    for folder in ("new", "copy"):
        found = Translator.load(folder).single_model.get_weights()
        for actual, expected in zip(found, weights, strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_the_probabilities_of_several_teachers_are_learned(teacher, run, tmp_path):
    shutil.copytree(teacher, tmp_path / "second")
    both = ["teacher", "second"]
    outcome = distill(run, "--token-weight", "0.5", teachers=both)
    assert outcome.code == 0, outcome.err
    recipe = load_recipe("new/recipe.toml")
    paths = [str(tmp_path / name) for name in both]
    assert recipe.training.teachers == os.pathsep.join(paths)
    student, codec = Translator.load("new"), Translator.load(teacher).codec
    assert student.codec.differs_in(codec) == ""
    model = keras.models.load_model("new/model.keras")
    assert model.count_params() == student.single_model.count_params() < 3000
    second = Translator.load("second").single_model
    second.save(tmp_path / "second" / "model.keras")
    changed = distill(run, "--token-weight", "0.5", "--resume", teachers=both)
    assert (changed.code, "Received: a model with different weights" in changed.err) == (2, True)
    ordinary = run("train", "new/recipe.toml", "--output", "new", "--resume", "--set", "epochs=3")
    assert (ordinary.code, "model.keras: changed since the run was" in ordinary.err) == (2, True)


def test_the_teacher_may_be_the_folder_of_an_ensemble(teacher, run, tmp_path):
    Translator.load_ensemble([teacher, teacher]).save(tmp_path / "both")
    outcome = distill(run, "--set", "epochs=1", teachers=["both"])
    assert outcome.code == 0, outcome.err
    record = json.loads((tmp_path / "new" / "distillation.json").read_text())
    files = [tmp_path / "both" / f"member-{number}" / "model.keras" for number in (1, 2)]
    assert [each["path"] for each in record["teachers"]] == list(map(str, files))
    shutil.copy(tmp_path / "new" / "model.keras", files[1])
    changed = distill(run, "--set", "epochs=1", "--resume", teachers=["both"])
    assert (changed.code, "Received: a model with different weights" in changed.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nearest", "--beam", "1"], "--nearest chooses among the hypotheses of a beam and"),
        (["--resume"], "new: has no distillation to resume; start one without --resume."),
        (["--set", "guided_alignment=1"], "`training.guided_alignment` must be 0 in distillation"),
        (["--set", "format=tsv"], "`data.path` must name a file for data.format='tsv'."),
        (["--set", "data.path=no.tsv", "--set", "format=tsv"], "no.tsv: expected a file that can"),
        (["--token-weight", "0.5", "--set", "target_tokenizer=word"], "with the same tokenizers;"),
        (["--token-weight", "1.5"], "'--token-weight': Input should be less than or equal to 1"),
        (["teacher.tflite"], "teacher.tflite: a teacher must be the folder of a trained model or"),
        (["--set", "validate_every=99"], "`training.validate_every` must be at most the total"),
        (["--with-pairs", "--set", "validate_every=99"], "must be at most the total"),
        (["--sources", "no.txt"], "no.txt: expected a file that can be read"),
        (["missing"], "missing: no such folder; expected a trained model."),
    ],
)
def test_input_that_cannot_be_distilled_is_one_sentence(arguments, words, teacher, run, tmp_path):
    (tmp_path / "teacher.tflite").touch()
    outcome = distill(run, *arguments)
    assert outcome.code == 2 and words in outcome.err, outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_teacher_in_the_output_folder_is_kept(teacher, run, tmp_path):
    before = contents(teacher)
    both = ["--set", "teachers=teacher", "--set", "teacher_weight=0.5", *STUDENT]
    commands = [
        ("distill", "teacher", "--into", "copy", *STUDENT, "--output", "teacher", "--overwrite"),
        ("train", "copy", *both, "--output", "teacher", "--overwrite"),
        ("train", "copy", *both, "--output", "teacher", "--overwrite", "--seeds", "2"),
    ]
    for command in commands:
        outcome = run(*command)
        assert (outcome.code, "teacher: a teacher is in this folder;" in outcome.err) == (2, True)
        assert contents(teacher) == before


def test_other_files_in_the_output_folder_are_kept(teacher, run, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes.txt").write_text("mine")
    outcome = distill(run, "--overwrite")
    assert (outcome.code, "folder with other files" in outcome.err) == (2, True)
    assert contents(tmp_path / "new").keys() == {"notes.txt"}
