"""Bulk translation also reads and writes the stores that Beam can reach."""

import os
import shutil

import pytest

pytest.importorskip("apache_beam")
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from keras_attention.errors import InputError
from keras_attention.export.bulk.chunks import ReadChunks, open_inputs
from keras_attention.export.bulk.output_files import Finish, OutputFiles, WriteFile, prepare_output

SCHEME = "shelf"


class Shelf(LocalFileSystem):
    """A store whose URLs point to files on this machine."""

    @classmethod
    def scheme(cls):
        return SCHEME

    def join(self, base, *paths):
        return "/".join([base, *paths])

    def _list(self, folder):
        for each in super()._list(self._path(folder)):
            yield FileMetadata(f"{SCHEME}:/{each.path}", each.size_in_bytes, 0)

    def _path(self, url):
        return url.removeprefix(f"{SCHEME}:/")

    def _path_open(self, path, mode, *options):
        os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        return open(self._path(path), mode)

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def exists(self, path):
        return os.path.exists(self._path(path))

    def rename(self, sources, destinations):
        for source, destination in zip(sources, destinations, strict=True):
            shutil.move(self._path(source), self._path(destination))

    def delete(self, paths):
        for path in paths:
            os.remove(self._path(path))


@pytest.mark.parametrize("store", ["", f"{SCHEME}:/"])
def test_files_are_read_in_chunks_and_written_as_a_whole(store, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\n\xff\nfour\n")
    (tmp_path / "b.txt").write_bytes(b"five")
    inputs = open_inputs(f"{store}{tmp_path}/*.txt")
    chunks = [chunk for each in inputs for chunk in ReadChunks(2, 3).process(each)]
    names = [f"{store}{tmp_path}/{name}.txt" for name in "aab"]
    found = [(chunk.path, chunk.first, chunk.output, len(chunk)) for chunk in chunks]
    # The third chunk begins after 15 of 19 bytes.
    assert found == [(names[0], 1, 0, 2), (names[1], 3, 1, 2), (names[2], 1, 2, 1)]
    assert [isinstance(line, InputError) for line in chunks[1].lines] == [True, False]

    files = OutputFiles(f"{store}{tmp_path}/out/x", 1, ".tsv")
    prepare_output(files, overwrite=False)
    for _ in range(2):  # a runner may repeat a bundle
        assert [*WriteFile(files).process((0, [(1, 1, "b\n"), (0, 9, ""), (0, 1, "a\n")]))] == [
            (None, 0)
        ]
        assert [*WriteFile(files).process((1, []))] == [(None, 1)]
    assert not (tmp_path / "out" / "x-00000-of-00001.tsv").exists()
    for _ in range(2):
        Finish(files).process((None, [0, 1, 1]))
    assert (tmp_path / "out" / "x-00000-of-00001.tsv").read_text() == "a\nb\n"
    written = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(written) == ["x-00000-of-00001.tsv", "x-dead-letters.tsv"]


@pytest.mark.parametrize("store", ["", f"{SCHEME}:/"])
def test_an_earlier_output_is_kept_or_deleted(store, tmp_path):
    other = OutputFiles(f"{store}{tmp_path}/x-y", 2, ".tsv").final(0).removeprefix(store)
    ours = OutputFiles(f"{store}{tmp_path}/x", 9, ".jsonl.gz").final(3).removeprefix(store)
    for path in (other, ours):
        with open(path, "w"):
            pass
    files = OutputFiles(f"{store}{tmp_path}/x", 1, ".tsv")
    with pytest.raises(InputError, match="x-00003-of-00009.*expected no earlier output"):
        prepare_output(files, overwrite=False)
    assert os.path.exists(ours)
    prepare_output(files, overwrite=True)
    assert os.listdir(tmp_path) == [os.path.basename(other)]


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{folder}/*.csv", "no matching file"),
        (SCHEME + ":/{folder}/*.csv", "no file matches"),
        ("nowhere://a/*", "nowhere"),
        ("{folder}", "Received: a folder"),
        ("{folder}/*.zip", "a ZIP archive"),
        ("{folder}/tab*", "file names in UTF-8 without tabs"),
        ("{folder}/odd*", "file names in UTF-8 without tabs"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused(pattern, problem, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "tab\t.txt").touch()
    (tmp_path / os.fsdecode(b"odd\xff.txt")).touch()
    with pytest.raises(InputError, match=problem):
        open_inputs(pattern.format(folder=tmp_path))


@pytest.mark.parametrize("prefix", ["", "out/"])
def test_a_prefix_without_a_name_is_refused(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--output: expected a prefix for the names of the output"):
        prepare_output(OutputFiles(prefix, 1, ".tsv"), overwrite=True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("store", ["", f"{SCHEME}:/"])
def test_a_file_that_is_on_another_machine_is_reported(store, tmp_path):
    files = OutputFiles(f"{store}{tmp_path}/x", 1, ".tsv")
    prepare_output(files, overwrite=False)
    assert [*WriteFile(files).process((0, [(0, 1, "a\n")]))]
    with pytest.raises(InputError, match="x.partial/dead-letters.tsv: expected the file that a"):
        Finish(files).process((None, [0, 1]))
    assert not (tmp_path / "x-00000-of-00001.tsv").exists()


def test_a_missing_file_of_the_output_is_reported(tmp_path):
    files = OutputFiles(str(tmp_path / "x"), 2, ".tsv")
    with pytest.raises(InputError, match="x-00001-of-00002.tsv: no worker has written this file"):
        Finish(files).process((None, [0, 2]))
