import csv
import json
import os
from dataclasses import replace

import pytest

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.training.compare.comparison import (
    Result,
    is_complete,
    other_data,
    plan_runs,
    read_result,
    set_aside,
)
from keras_attention.training.compare.comparison_table import (
    Spread,
    format_tables,
    make_rows,
    poorly_aligned,
    save_table,
)
from keras_attention.training.compare.variants import expand_grid
from keras_attention.training.run.fingerprints import Fingerprint
from keras_attention.training.run.run_data import RunData
from keras_attention.training.run.run_folder import RunFolder


def planned(folder, *vary, seeds=1, overrides=()):
    return plan_runs(expand_grid("copy", overrides, vary=vary).variants, seeds, folder)


def end(run, **values):
    """Save a result for a run, as if the run had been trained."""
    result = Result(
        **{
            "recipe": run.recipe.to_toml(),
            "metric": "exact_match",
            "value": 0.5,
            "curve": (0.25, 0.5),
            "parameters": 1000,
            "minutes": 2.0,
            "tokens_per_second": 300.0,
            "alignment": {},
            **values,
        }  # fmt: skip
    )
    result.save(run)
    return result


def test_there_is_a_run_for_every_variant_and_seed(tmp_path):
    runs = planned(tmp_path, "attention=luong,none", seeds=2, overrides=["seed=7"])
    assert [(run.label, run.recipe.seed, run.folder.name) for run in runs] == [
        ("luong", 7, "luong-seed7"),
        ("luong", 8, "luong-seed8"),
        ("fixed vector", 7, "fixed-vector-seed7"),
        ("fixed vector", 8, "fixed-vector-seed8"),
    ]
    assert {run.folder.parent for run in runs} == {tmp_path}
    assert runs[0].recipe.model.attention == "luong"
    assert not any(tmp_path.iterdir())


def test_several_seeds_require_different_initial_weights(tmp_path):
    with pytest.raises(InputError, match=r"units=8: .* Received: training\.seed=7 and 3 seeds\."):
        planned(tmp_path, "units=8", seeds=3, overrides=["training.seed=7"])
    assert len(planned(tmp_path, "units=8", overrides=["training.seed=7"])) == 1


def test_folder_names_contain_no_separators(tmp_path):
    (run,) = planned(tmp_path, "learning_rate=0.5", overrides=["format=tsv"])
    assert run.folder.name == "learning_rate=0.5-seed1"
    assert run.result_file == tmp_path / "learning_rate=0.5-seed1.json"
    with pytest.raises(InputError, match="Received: the same one for `path=a/b` and `path=a b`"):
        planned(tmp_path, "path=a/b,a b", overrides=["format=tsv"])


def test_two_runs_cannot_share_a_folder(tmp_path):
    first, second = expand_grid("copy", vary=["units=8,10"]).variants
    with pytest.raises(InputError, match="Received: the same one for `units=8` and `units=8`"):
        plan_runs([first, replace(second, label=first.label)], 1, tmp_path)


def test_paths_do_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (run,) = planned(tmp_path, "units=8", overrides=["format=tsv", "path=a.tsv"])
    assert run.recipe.data.path == str(tmp_path / "a.tsv")


def test_an_existing_run_must_have_the_same_recipe(tmp_path):
    (run,) = planned(tmp_path, "units=8")
    run.folder.mkdir()
    run.recipe.save(run.folder / "recipe.toml")
    assert planned(tmp_path, "units=8") == [run]
    assert planned(tmp_path, "units=8", overrides=["epochs=99"])
    with pytest.raises(InputError, match=r"started with `embedding = 32`.*`embedding = 5`"):
        planned(tmp_path, "units=8", overrides=["embedding=5"])
    (tmp_path / "units=10-seed1").mkdir()
    (tmp_path / "units=10-seed1" / "notes").touch()
    with pytest.raises(InputError, match=r"units=10-seed1: expected a new or empty folder"):
        planned(tmp_path, "units=10")


def test_a_seed_out_of_range_is_rejected(tmp_path):
    with pytest.raises(InputError, match="`seed` must be .*Received: seed=4294967296"):
        planned(tmp_path, "units=8", seeds=2, overrides=["seed=4294967295"])


def test_a_result_of_another_recipe_is_ignored(tmp_path):
    (run,) = planned(tmp_path, "units=8")
    assert read_result(run) is None
    lengths = {"20": {"pairs": 500, "value": 0.125}}
    result = end(run, lengths=lengths, alignment={"aer": 0.1, "precision": 1.0, "recall": 0.8})
    assert read_result(run) == result
    longer = replace(run, recipe=replace(run.recipe, seed=2))
    assert read_result(longer) is None
    old = [line for line in result.recipe.splitlines() if not line.startswith("layer_norm")]
    before_there_was_a_setting = replace(result, recipe="\n".join(old))
    before_there_was_a_setting.save(run)
    assert read_result(run) == before_there_was_a_setting
    replace(result, recipe=result.recipe + "[tomorrow]\nsetting = 1\n").save(run)
    assert read_result(run) is None
    run.result_file.write_text('{"recipe": 3')
    with pytest.raises(InputError, match=r"units=8-seed1.json: damaged, .* Remove the file"):
        read_result(run)


def test_runs_with_changed_data_are_detected(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\n" * 9)
    (run,) = planned(tmp_path / "grid", "units=8", overrides=["format=tsv", f"data.path={path}"])
    assert other_data(run) == ""
    files = {"data.path": Fingerprint.of(path)}
    result = end(run, files=files)
    assert read_result(run) == result
    assert other_data(run) == ""
    path.write_text("b\ta\n" * 9)
    os.utime(path, ns=(1, 1))
    assert other_data(run) == str(path)
    run.result_file.unlink()
    assert other_data(run) == ""
    data = RunData(run.recipe.to_toml(), files, "", [])
    RunFolder(run.folder).start(run.recipe, files=data.to_files())
    assert other_data(run) == str(path)
    path.unlink()
    assert other_data(run) == ""
    end(run)  # as written by an older version, which recorded no files
    assert is_complete(run)


def test_runs_that_were_resumed_with_changed_data_are_not_mixed_with_others(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\n" * 9)
    overrides = ["format=tsv", f"data.path={path}"]
    runs = planned(tmp_path / "grid", "units=8", seeds=2, overrides=overrides)
    files = {"data.path": Fingerprint.of(path)}
    for changed, run in enumerate(runs):
        data = RunData(run.recipe.to_toml(), files, "", [], changed=bool(changed))
        RunFolder(run.folder).start(run.recipe, files=data.to_files())
        end(run, value=float(changed))
    assert [other_data(run) for run in runs] == ["", str(path)]
    one, other = make_rows(runs)
    assert (one.label, one.spread("value").values) == ("units=8", (0.0,))
    assert (other.label, other.spread("value").values) == ("units=8 (other data)", (1.0,))


def test_a_run_that_is_being_trained_is_not_set_aside(tmp_path):
    first, second = planned(tmp_path, "units=8,10")
    for run in (first, second):
        run.folder.mkdir()
        end(run)
    held = hold_folder(second.folder, "train.lock")
    with held, pytest.raises(InputError, match="is using this folder"):
        set_aside([first, second], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for run in (first, second) for path in (run.folder, run.result_file)
    }
    (tmp_path / "other-data-1").mkdir()
    assert set_aside([first, second], tmp_path) == tmp_path / "other-data-2"
    assert len(list((tmp_path / "other-data-2").iterdir())) == 4


def test_a_run_is_complete_if_all_requested_lengths_are_measured(tmp_path):
    (run,) = planned(tmp_path, "units=8")
    assert not is_complete(run)
    end(run)
    assert is_complete(run)
    assert not is_complete(run, [20])
    end(run, lengths={"20": {"pairs": 500, "value": 0.125}})
    assert is_complete(run, [20])
    assert not is_complete(run, [10, 20])
    end(run, alignment=None)
    assert not is_complete(run)


@pytest.fixture
def rows(tmp_path):
    """Return rows with simple numbers: Luong has both runs, and the fixed vector has one of two."""
    runs = planned(tmp_path, "attention=luong,none", seeds=2)
    values = [(0.25, 0.5), (0.75, 0.3)]
    lengths = [{"20": {"pairs": 4, "value": value, "errors": e}} for value, e in values]
    end(
        runs[0], value=0.5, minutes=1.0, tokens_per_second=100.0, lengths=lengths[0],
        alignment={"aer": 0.1, "precision": 0.8, "recall": 1.0},
    )  # fmt: skip
    end(
        runs[1], value=0.75, minutes=2.0, tokens_per_second=300.0, lengths=lengths[1],
        alignment={"aer": 0.2, "precision": 0.6, "recall": 0.5},
    )  # fmt: skip
    end(runs[2], value=0.125, minutes=None, tokens_per_second=None, parameters=900)
    return make_rows(runs)


def test_the_table_equals_a_table_computed_by_hand(rows):
    assert format_tables(rows, ["20", "40"]) == [
        [
            ["variant", "runs", "exact_match", "alignment error", "target tokens/s", "parameters",
             "minutes"],
            ["luong", "2 of 2", "62.50% (50.00–75.00)", "15.0% (10.0–20.0)", "200", "1,000", "1.5"],
            ["fixed vector", "1 of 2", "12.50%", "–", "–", "900", "–"],
        ],
        [
            ["variant", "exact_match at 20", "exact_match at 40"],
            ["luong", "50.00% (25.00–75.00)", "–"],
            ["fixed vector", "–", "–"],
        ],
        [
            ["variant", "token errors at 20", "token errors at 40"],
            ["luong", "40.00% (30.00–50.00)", "–"],
            ["fixed vector", "–", "–"],
        ],
    ]  # fmt: skip


def test_the_number_of_runs_is_shown_only_if_some_are_missing(rows):
    (some,), (all_there,) = format_tables(rows), format_tables(rows[:1])
    assert "runs" in some[0]
    assert "runs" not in all_there[0]


def test_a_metric_that_is_not_a_fraction_has_no_percent_sign(tmp_path):
    runs = planned(tmp_path, "units=8", seeds=2)
    end(runs[0], metric="bleu", value=30.0)
    end(runs[1], metric="bleu", value=31.5)
    ((head, row),) = format_tables(make_rows(runs))
    assert (head[1], row[1]) == ("bleu", "30.75 (30.00–31.50)")


def test_a_spread_equals_a_spread_computed_by_hand():
    spread = Spread((2.0, 4.0, 9.0))
    assert (spread.mean, spread.low, spread.high) == (5, 2, 9)
    assert spread.deviation == pytest.approx(13**0.5)
    assert Spread((3.0,)).deviation == 0
    assert Spread((1234.5,)).format(digits=1) == "1,234.5"


def test_the_table_is_saved_as_json_csv_and_markdown(rows, tmp_path):
    paths = save_table(rows, tmp_path / "out", ["20"])
    assert [path.name for path in paths] == [
        "comparison.json", "comparison.csv", "comparison.md",
    ]  # fmt: skip
    luong, fixed = json.loads(paths[0].read_text())
    assert (luong["variant"], luong["runs"], luong["mean"]["value"]) == ("luong", 2, 0.625)
    assert [seed["minutes"] for seed in luong["seeds"]] == [1, 2]
    assert "aer" not in fixed["mean"]
    assert "recipe" not in luong["seeds"][0]
    with open(paths[1], newline="") as file:
        first, second = csv.DictReader(file)
    assert first["variant"] == "luong"
    assert float(first["exact_match_deviation"]) == pytest.approx(0.125 * 2**0.5)
    numbers = {
        "runs": 2, "exact_match_mean": 0.625, "exact_match_low": 0.5, "exact_match_high": 0.75,
        "aer": 0.15, "precision": 0.7, "recall": 0.75, "tokens_per_second": 200,
        "parameters": 1000, "minutes": 1.5, "exact_match_at_20": 0.5, "errors_at_20": 0.4,
    }  # fmt: skip
    assert {name: float(first[name]) for name in numbers} == pytest.approx(numbers)
    assert (second["aer"], second["minutes"], second["runs"]) == ("", "", "1")
    tables = paths[2].read_text().split("\n\n")
    assert tables[0].splitlines()[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert tables[1].splitlines()[2] == "| luong | 50.00% (25.00–75.00) |"


def test_variants_that_align_poorly_are_listed(tmp_path):
    runs = planned(tmp_path, "attention=luong,coverage,bahdanau,none", seeds=2)
    errors = {"luong": (0.2, 0.31), "coverage": (0.2, 0.3), "bahdanau": (0.0, 0.1)}
    for run in runs:
        found = errors.get(run.label)
        end(run, alignment={"aer": found[run.recipe.seed - 1]} if found else {})
    assert poorly_aligned(make_rows(runs)) == ["luong"]
