"""If a setting is a pattern, all matching files are read, in the order of their names."""

import gzip
import os
from dataclasses import replace

import pytest

from keras_attention.errors import InputError
from keras_attention.training.data.data_paths import absolute
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.recipe.recipe import Recipe
from keras_attention.training.run.fingerprints import changed_file, take_fingerprints


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder whose own name looks like a pattern. One of its parts is compressed."""
    folder = tmp_path / "data [1]"
    (folder / "parts").mkdir(parents=True)
    monkeypatch.chdir(folder)
    write(folder, "parts/b.tsv", "c\tC\n")
    write(folder, "parts/a.tsv", "a\tA\nb\tB\n")
    (folder / "parts" / "c.tsv.gz").write_bytes(gzip.compress("d\tD\n".encode("utf-16")))
    write(folder, "parts/.hidden.tsv", "x\tX\n")
    (folder / "parts" / "folder.tsv").mkdir()
    return folder


def write(folder, name, text):
    (folder / name).write_text(text)


PAIRS = [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")]
TSV = DataConfig(format="tsv", path="parts/*.tsv*", held_out=0)


def test_all_files_are_read_in_the_order_of_their_names(folder):
    assert read_pairs(TSV) == PAIRS
    assert read_pairs(replace(TSV, path="**/?.tsv")) == PAIRS[:3]


def test_a_pattern_does_not_depend_on_the_working_folder(folder, tmp_path, monkeypatch):
    stored = absolute(TSV)
    monkeypatch.chdir(tmp_path)
    assert read_pairs(stored) == PAIRS


def test_a_file_whose_name_looks_like_a_pattern_is_read(folder):
    write(folder, "parts/[a].tsv", "e\tE\n")
    write(folder, "parts/?.tsv", "f\tF\n")
    assert read_pairs(replace(TSV, path="parts/[a].tsv")) == [("e", "E")]
    assert read_pairs(replace(TSV, path="parts/?.tsv")) == [("f", "F")]
    assert read_pairs(replace(TSV, path="parts/[?].tsv")) == [("e", "E")]


def test_validation_files_and_languages_can_be_patterns(folder):
    config = replace(TSV, validation_path="parts/b*")
    assert split_pairs(config, 1) == (PAIRS, PAIRS[2:3])
    for code in ("de", "fr"):
        (folder / code).mkdir()
        write(folder, f"{code}/1.tsv", f"{code}\t1\n")
        write(folder, f"{code}/2.tsv", f"{code}\t2\n")
    config = replace(TSV, path="{language}/*.tsv", language="fr,de")
    assert read_pairs(config) == [("fr", "1"), ("fr", "2"), ("de", "1"), ("de", "2")]


def test_each_file_has_its_own_header_and_line_numbers(folder):
    write(folder, "parts/b.tsv", "source\ttarget\nc\tC\nd\n")
    config = replace(TSV, path="parts/?.tsv", header=True)
    with pytest.raises(InputError, match="parts/b.tsv, line 3: expected source, tab, target"):
        read_pairs(config)
    write(folder, "parts/b.tsv", "source\ttarget\nc\tC\n")
    assert read_pairs(config) == [PAIRS[1], PAIRS[2]]


def test_parallel_files_are_paired_in_order(folder):
    for name, text in {"1.x": "a\n", "2.x": "b\nc\n", "1.y": "A\n", "2.y": "B\nC\n"}.items():
        write(folder, name, text)
    config = DataConfig(format="parallel", path="*.x", target_path="*.y")
    assert read_pairs(config) == PAIRS[:3]
    (folder / "2.y").unlink()
    with pytest.raises(InputError, match="the same number of files. Received: 2 and 1 files."):
        read_pairs(config)


@pytest.mark.parametrize("given", ["", "data"])
def test_a_pattern_that_matches_no_file_is_an_error(given, folder):
    (folder / "data").mkdir()
    config = replace(TSV, path="parts/*.csv", folder=given)
    path = os.path.join(given, "parts/*.csv")
    with pytest.raises(InputError) as caught:
        read_pairs(config)
    assert str(caught.value) == (
        f"{path}: expected a file, or a pattern that matches at least one file. "
        "Received: no matching file."
    )


def test_a_changed_and_a_new_file_of_a_pattern_are_recognised(folder):
    recipe = Recipe("r", data=TSV)
    files = take_fingerprints(recipe)
    assert list(files) == ["data.path a.tsv", "data.path b.tsv", "data.path c.tsv.gz"]
    assert changed_file(recipe, files, ["data.path"]) == ""
    write(folder, "parts/b.tsv", "c\tE\n")
    assert changed_file(recipe, files, ["data.path"]) == "parts/b.tsv"
    write(folder, "parts/b.tsv", "c\tC\n")
    write(folder, "parts/new.tsv", "c\tC\n")
    assert changed_file(recipe, files, ["data.path"]) == "parts/new.tsv"
