import json
from dataclasses import replace
from statistics import stdev

import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_files import check_ensemble_removable, remove_ensemble
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.seeds.members import check_free, plan_members, resume_members
from keras_attention.training.seeds.seeds_report import SeedsReport, read_report
from keras_attention.translation.folders.ensemble_folder import write_members

RECIPE = load_recipe("copy")


@pytest.fixture
def started(tmp_path):
    """Return a folder with an ensemble of two members that have been started."""
    folder = tmp_path / "copy-seeds"
    members = plan_members(RECIPE, folder, 2)
    for member in members:
        member.run.path.mkdir(parents=True)
        member.run.start(member.recipe)
    write_members(folder, {member.run.path.name: member.seed for member in members})
    RECIPE.save(folder / "recipe.toml")
    return folder


def test_members_differ_only_in_the_training_seed(tmp_path):
    first, second, third = plan_members(RECIPE, tmp_path, 3)
    assert first.recipe == RECIPE
    assert [member.recipe.training_seed for member in (first, second, third)] == [1, 2, 3]
    assert [member.run.path.name for member in (first, second, third)] == [
        "seed-1",
        "seed-2",
        "seed-3",
    ]
    assert replace(third.recipe, training=RECIPE.training) == RECIPE


def test_the_first_member_has_the_training_seed_of_the_recipe(tmp_path):
    recipe = load_recipe("copy", ["seed=7", "training.seed=6"])
    recipes = [member.recipe for member in plan_members(recipe, tmp_path, 3)]
    assert [(each.training_seed, each.seed) for each in recipes] == [(6, 7), (7, 7), (8, 7)]


def test_a_single_seed_or_one_out_of_range_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"requires at least 2 seeds\. Received: 1\.$"):
        plan_members(RECIPE, tmp_path, 1)
    with pytest.raises(InputError, match="`training.seed` must be .* below 4294967296"):
        plan_members(load_recipe("copy", ["seed=4294967295"]), tmp_path, 2)


def test_an_ensemble_is_replaced_only_if_requested(started):
    with pytest.raises(InputError, match="already has an ensemble; continue it with --resume"):
        check_free(started)
    check_free(started, overwrite=True)
    remove_ensemble(started)
    assert list(started.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "seed-2/notes.txt", "seed-9/model.keras"])
def test_an_ensemble_with_other_files_is_not_removed(name, started):
    (started / name).parent.mkdir(exist_ok=True)
    (started / name).write_text("")
    with pytest.raises(InputError, match=f"{name}: --overwrite only removes files that"):
        check_ensemble_removable(started)


def test_the_exports_of_an_ensemble_may_be_removed(started):
    (started / "1").mkdir()
    for name in ("1/saved_model.pb", "copy-seeds.tflite", "seeds.json"):
        (started / name).write_text("")
    check_ensemble_removable(started)


def test_the_folder_of_a_single_run_is_refused(started):
    with pytest.raises(InputError, match="Received: the run of a single model"):
        check_free(started / "seed-1", overwrite=True)


def test_an_ensemble_resumes_with_as_many_seeds_or_more(started):
    for seeds, count in ((None, 2), (2, 2), (4, 4)):
        members = resume_members(RECIPE, started, seeds)
        assert [member.is_started for member in members] == [True, True, False, False][:count]
    with pytest.raises(InputError, match=r"started with, 1, 2, 3, or more\. Received: 1, 2\.$"):
        write_members(started, {"seed-1": 1, "seed-2": 2, "seed-3": 3})
        resume_members(RECIPE, started, 2)


def test_an_ensemble_resumes_only_with_its_recipe(started):
    longer = load_recipe("copy", ["epochs=99"])
    members = resume_members(longer, started, None)
    assert [member.recipe.training.epochs for member in members] == [99, 99]
    with pytest.raises(InputError, match="seed-1/recipe.toml: the run was started with `units = "):
        resume_members(load_recipe("copy", ["units=10"]), started, None)
    with pytest.raises(InputError, match=r"with, 1, 2, or more\. Received: 5, 6\.$"):
        resume_members(load_recipe("copy", ["seed=5"]), started, None)


def test_a_folder_without_an_ensemble_is_not_resumed(tmp_path):
    with pytest.raises(InputError, match="has no ensemble to resume; start one without --resume"):
        resume_members(RECIPE, tmp_path, 2)


def test_changed_data_requires_that_all_members_are_started(started):
    assert resume_members(RECIPE, started, None, changed_data=True)
    with pytest.raises(InputError, match="seed-3: --changed-data requires that all members have"):
        resume_members(RECIPE, started, 3, changed_data=True)


def test_a_report_is_saved_with_mean_and_sample_standard_deviation(tmp_path):
    report = SeedsReport("exact_match", {"1": 0.5, "2": 0.75, "3": 0.7}, 0.8)
    report.save(tmp_path)
    assert read_report(tmp_path) == report
    values = json.loads((tmp_path / "seeds.json").read_text())
    assert values["mean"] == pytest.approx(0.65)
    assert values["deviation"] == pytest.approx(stdev([0.5, 0.75, 0.7]))
    (tmp_path / "seeds.json").unlink()
    assert read_report(tmp_path) is None
    assert RunFolder(tmp_path).values("val_exact_match") == []
