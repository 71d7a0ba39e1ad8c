"""A run folder stores fingerprints of its data, its held-out pairs and its recipe."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from keras_attention.errors import InputError
from keras_attention.training.data.data_paths import with_absolute_paths
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.fingerprints import changed_file
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.resumed_pairs import check_same_teachers, split_again
from keras_attention.training.run.run_data import RunData, load_run_recipe, read_run_data
from keras_attention.training.run.run_files import DATA_FILE, HELD_OUT_FILE
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.run.run_start import resume_start
from keras_attention.translation.folders.ensemble_folder import write_members

PAIRS = [(f"source {number}", f"target {number % 5}") for number in range(20)]


def write(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "pairs.tsv", [*PAIRS, ("source 3", "another target")])
    settings = ["format=tsv", "data.path=pairs.tsv", "held_out=6"]
    return with_absolute_paths(load_recipe("dates", settings))


@pytest.fixture
def run(tmp_path, recipe):
    """Return a run that was started with the pairs."""
    run = RunFolder(tmp_path / "run")
    start(run, recipe)
    return run


def start(run, recipe):
    training, held_out = split_pairs(recipe.data, recipe.seed)
    run.start(recipe, files=RunData.of(recipe, training, held_out).to_files())


def resume(run, recipe, **options):
    options = {"accept_changes": False, "with_embeddings": False, **options}
    return split_again(recipe, read_run_data(run.path), **options)


def test_run_data_is_read_back_as_it_was_written(run, recipe):
    training, held_out = split_pairs(recipe.data, recipe.seed)
    data = RunData.of(recipe, training, held_out)
    assert read_run_data(run.path) == data
    assert data.held_out == held_out
    sources = {source for source, _ in training}
    assert data.seen == [n for n, (source, _) in enumerate(held_out) if source in sources] != []
    kept = read_held_out(run.path)
    assert (kept.pairs, kept.note) == (held_out, "")
    assert kept.seen == {"source 3"}


def test_texts_may_hold_any_character(run, recipe):
    pairs = [("a\tb\u2028", "c\r\nd"), ("\ufeff가", '"\x00')]
    run.start(recipe, files=RunData.of(recipe, PAIRS, pairs).to_files())
    assert read_run_data(run.path).held_out == pairs


@pytest.mark.parametrize("change", ["new pair", "other order", "deleted"])
def test_held_out_pairs_stay_the_same_when_the_file_changes(change, run, recipe, tmp_path):
    _, held_out = split_pairs(recipe.data, recipe.seed)
    path = tmp_path / "pairs.tsv"
    if change == "deleted":
        path.unlink()
    else:
        write(path, [*PAIRS, ("new", "pair")] if change == "new pair" else PAIRS[::-1])
    kept = read_held_out(run.path)
    assert kept.pairs == held_out
    assert kept.seen == {"source 3"}
    note = f"{path}: changed since the run was started; the old held-out pairs are used."
    assert kept.note == ("" if change == "deleted" else note)


def test_a_copied_run_folder_has_the_same_held_out_pairs(run, recipe, tmp_path):
    _, held_out = split_pairs(recipe.data, recipe.seed)
    (tmp_path / "pairs.tsv").rename(tmp_path / "renamed.tsv")
    shutil.copytree(run.path, tmp_path / "copy")
    shutil.rmtree(run.path)
    assert read_held_out(tmp_path / "copy").pairs == held_out


def test_held_out_pairs_of_an_older_run_are_split_off_again(run, recipe):
    for name in (DATA_FILE, HELD_OUT_FILE):
        (run.path / name).unlink()
    kept = read_held_out(run.path)
    assert kept.pairs == split_pairs(recipe.data, recipe.seed)[1]
    assert kept.seen == {"source 3"}
    assert f"{run.path}: this run has no data.json, so its held-out pairs are split" in kept.note


def test_a_run_is_not_resumed_if_its_metric_had_another_meaning(run, recipe):
    recipe = replace(recipe, training=replace(recipe.training, metric="wer"))
    run.metrics_file.write_text("epoch,val_wer\n0,50.0\n")
    (run.path / "data.json").unlink()
    with pytest.raises(InputError, match=r"metrics\.csv: an older version .* now called g2p_wer, "):
        resume_start(recipe, run)
    run.metrics_file.write_text("epoch,val_g2p_wer\n0,50.0\n")
    recipe = replace(recipe, training=replace(recipe.training, metric="g2p_wer"))
    assert resume_start(recipe, run).training == split_pairs(recipe.data, recipe.seed)[0]


def test_a_run_resumed_with_the_same_data_has_the_same_pairs(run, recipe):
    training, _ = split_pairs(recipe.data, recipe.seed)
    assert resume(run, recipe) == (training, read_run_data(run.path))


def test_a_moved_file_does_not_count_as_changed(run, recipe, tmp_path):
    training, _ = split_pairs(recipe.data, recipe.seed)
    (tmp_path / "pairs.tsv").rename(tmp_path / "moved.tsv")
    moved = replace(recipe, data=replace(recipe.data, path=str(tmp_path / "moved.tsv")))
    run.check_same(moved)
    run.check_same(replace(recipe, data=replace(recipe.data, path='/a "file"')))
    assert resume(run, moved)[0] == training


@pytest.mark.parametrize("pairs", [[*PAIRS, ("new", "pair")], PAIRS[::-1]])
def test_changed_data_is_an_error(pairs, run, recipe, tmp_path):
    write(tmp_path / "pairs.tsv", pairs)
    with pytest.raises(InputError) as error:
        resume(run, recipe)
    assert str(error.value) == (
        f"{tmp_path / 'pairs.tsv'}: changed since the run was started; restore the old data, "
        "start a new run in another folder, fine-tune this model there with `train --from`, or "
        "continue with the new data with `train --resume "
        "--changed-data`, which keeps the tokenizers and the held-out pairs."
    )


def test_changed_data_is_accepted_with_accept_changes(run, recipe, tmp_path):
    _, held_out = split_pairs(recipe.data, recipe.seed)
    grown = [*PAIRS, ("new", "pair"), (held_out[0][0], "new target")]
    write(tmp_path / "pairs.tsv", grown)
    training, data = resume(run, recipe, accept_changes=True)
    assert training == [pair for pair in grown if pair not in held_out]
    assert data.held_out == held_out
    run.start(recipe, files=data.to_files())
    assert read_held_out(run.path).seen == {"source 3", held_out[0][0]}
    assert resume(run, recipe) == (training, data)  # the new data is now the data of the run
    write(tmp_path / "pairs.tsv", grown[1:])
    with pytest.raises(InputError, match="changed since the run was started"):
        resume(run, recipe)


def test_changed_data_that_contains_only_held_out_pairs_is_an_error(run, recipe, tmp_path):
    write(tmp_path / "pairs.tsv", split_pairs(recipe.data, recipe.seed)[1])
    with pytest.raises(InputError, match="expected training pairs that are not held out"):
        resume(run, recipe, accept_changes=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["schedule=cosine"], "--changed-data requires a training.schedule other than 'cosine'"),
        (
            ["guided_alignment=1", "alignment_path=links"],
            "--changed-data cannot be used with data.alignment_path",
        ),
    ],
)
def test_changed_data_is_an_error_if_a_setting_depends_on_the_old_data(
    settings, message, tmp_path, recipe
):
    (tmp_path / "links").write_text("0-0\n" * 21)
    settings = ["format=tsv", "data.path=pairs.tsv", "held_out=6", *settings]
    other, run = with_absolute_paths(load_recipe("dates", settings)), RunFolder(tmp_path / "other")
    start(run, other)
    write(tmp_path / "pairs.tsv", PAIRS)
    with pytest.raises(InputError, match=message):
        resume(run, other, accept_changes=True)


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("target_path", ["format=parallel", "data.path=a", "target_path=b", "held_out=1"]),
        ("validation_path", ["format=tsv", "data.path=pairs.tsv", "validation_path=c"]),
        (
            "alignment_path",
            ["format=tsv", "data.path=pairs.tsv", "guided_alignment=1", "alignment_path=d"],
        ),
        ("source_embeddings", ["source_embeddings=e", "size=30", "held_out=9"]),
    ],
)
def test_a_change_to_any_data_file_of_a_run_is_found(key, settings, tmp_path, recipe):
    for name in "abde":
        (tmp_path / name).write_text("x\ny\nz\n")
    write(tmp_path / "c", PAIRS[:4])
    other = with_absolute_paths(load_recipe("dates", ["held_out=2", *settings]))
    data = RunData.of(other, *split_pairs(other.data, other.seed))
    assert changed_file(other, data.files) == ""
    section = other.model if key.endswith("embeddings") else other.data
    path = Path(getattr(section, key))
    text = path.read_text()
    path.write_text(text[::-1])
    os.utime(path, ns=(1, 1))
    assert changed_file(other, data.files) == str(path)


def with_teachers(recipe, *paths):
    teachers = os.pathsep.join(map(str, paths))
    training = replace(recipe.training, teachers=teachers, teacher_weight=0.5)
    return replace(recipe, training=training)


@pytest.fixture
def ensemble(tmp_path):
    """Return the folder of an ensemble; its members have text files in place of networks."""
    folder = tmp_path / "ensemble"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.keras").write_text(name)
    write_members(folder, {"one": 1, "two": 2})
    return folder


def test_a_replaced_member_of_a_teacher_is_found(ensemble, recipe, tmp_path):
    recipe, run = with_teachers(recipe, ensemble), RunFolder(tmp_path / "student")
    start(run, recipe)
    resume(run, recipe)
    member = ensemble / "two" / "model.keras"
    member.write_text("new")
    os.utime(member, ns=(1, 1))
    with pytest.raises(InputError, match=r"two.model\.keras: changed since the run was started"):
        resume(run, recipe)
    shutil.rmtree(ensemble / "one")
    assert read_held_out(run.path).pairs == split_pairs(recipe.data, recipe.seed)[1]


def test_a_resumed_run_must_have_exactly_its_earlier_teachers(ensemble, recipe, tmp_path):
    one, two = ensemble / "one", ensemble / "two"
    for before, now in (([one], [one, two]), ([one, two], [one]), ([ensemble], [one])):
        run = RunFolder(tmp_path / "student")
        start(run, with_teachers(recipe, *before))
        check_same_teachers(with_teachers(recipe, *before), read_run_data(run.path))
        with pytest.raises(InputError, match=r"`training\.teachers` must name the teachers that"):
            resume_start(with_teachers(recipe, *now), run)
    start(run, with_teachers(recipe, ensemble))
    check_same_teachers(with_teachers(recipe, one, two), read_run_data(run.path))


def test_differently_generated_pairs_are_an_error(tmp_path, monkeypatch):
    recipe, run = load_recipe("copy", ["size=30", "held_out=5"]), RunFolder(tmp_path / "run")
    start(run, recipe)
    assert resume(run, recipe)[0] == split_pairs(recipe.data, recipe.seed)[0]
    held_out = read_held_out(run.path).pairs
    monkeypatch.setattr(
        "keras_attention.training.data.pairs.generate", lambda *rest, **lengths: PAIRS[:12]
    )
    assert read_held_out(run.path).pairs == held_out
    with pytest.raises(InputError, match=r"the pairs of data.format='copy': changed since"):
        resume(run, recipe)


def test_an_edited_recipe_in_the_folder_is_an_error(run, recipe):
    more = replace(recipe, training=replace(recipe.training, epochs=99))
    more.save(run.recipe_file)
    assert load_run_recipe(run.path) == more
    run.recipe_file.write_text("")
    for read in (load_run_recipe, read_held_out, lambda folder: run.check_same(recipe)):
        with pytest.raises(InputError, match=r"recipe.toml: expected the recipe that the run was"):
            read(run.path)
    replace(recipe, seed=2).save(run.recipe_file)
    with pytest.raises(InputError, match=r"which has `seed = 1`. Received: `seed = 2`"):
        load_run_recipe(run.path)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"format": 1}', "[" * 100_000, '{"format": ' + "9" * 5000 + "}"]
)
def test_a_damaged_data_file_is_an_error(text, run):
    (run.path / DATA_FILE).write_text(text)
    with pytest.raises(InputError, match=r"data\.json: damaged, expected the content that `train`"):
        read_run_data(run.path)


def test_a_replaced_file_is_an_error(run):
    path = run.path / DATA_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(InputError, match="expected format 1, the only one"):
        read_run_data(run.path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1, "seen": [6]}))
    with pytest.raises(InputError, match="expected indices below 6, .* Received: 6"):
        read_run_data(run.path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "seen": []}))
    lines = (run.path / HELD_OUT_FILE).read_text().splitlines(keepends=True)
    (run.path / HELD_OUT_FILE).write_text("".join(lines[1:]))
    with pytest.raises(InputError, match="expected the held-out pairs that the run was started"):
        read_run_data(run.path)
    (run.path / HELD_OUT_FILE).unlink()
    with pytest.raises(InputError, match=r"held_out\.jsonl: expected a file that can be read"):
        read_run_data(run.path)


@pytest.mark.parametrize(
    "content",
    [b'["a"]\n', b'["a", "b", "c"]\n', b"[1, 2]\n", b'{"a": 1, "b": 2}\n', b'"ab"\n', b"3\n"]
    + [b"null\n", b"a\n", b"[" * 100_000, b'["\xff", "b"]\n'],
    ids=range(10),
)
def test_invalid_held_out_lines_are_an_error_even_with_the_right_digest(content, run):
    path = run.path / DATA_FILE
    (run.path / HELD_OUT_FILE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    path.write_text(json.dumps({**json.loads(path.read_text()), "held_out": digest, "seen": []}))
    with pytest.raises(InputError, match=r"held_out\.jsonl: damaged, expected a source and a"):
        read_run_data(run.path)
