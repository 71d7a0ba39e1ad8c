"""`bulk` writes what `translate` prints, on every runner of Apache Beam that can run here."""

import gzip
import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest
from test_bulk_translation import is_running, processes_of, wait_until
from test_command_line import started

from keras_attention.training.tasks.dates import generate_dates

pytest.importorskip("apache_beam")
DEVICE = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"
RUNTIME = "ai_edge_litert"
PATIENCE = 300  # seconds; a worker imports Beam first, which takes a minute on a busy machine
DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"
LOCAL = {"processes": True, "dashboard_address": None, "silence_logs": 50}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Return a folder with three files. One of them has lines that cannot be translated."""
    folder = tmp_path_factory.mktemp("inputs")
    lines = [source.encode() for source, _ in generate_dates(260, 3)]
    (folder / "a.txt").write_bytes(b"\n".join(lines[:150]))
    (folder / "b.txt").write_bytes(b"\n".join([*lines[150:160], b"\xff", b"9" * 999, *lines[160:]]))
    (folder / "empty.txt").touch()
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return a folder with so many lines that a worker can be killed before the end."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(4):
        dates = generate_dates(200, number)
        (folder / f"{number}.txt").write_text("".join(f"{source}\n" for source, _ in dates))
    return folder


def shards_of(prefix):
    return sorted(prefix.parent.glob(f"{prefix.name}-*-of-*"))


def rows_of(files):
    return [line.split("\t") for file in files for line in file.read_text().splitlines()]


def test_the_joined_shards_are_what_translate_prints(run, inputs, tmp_path):
    pattern = inputs / "*.txt"
    expected = run("translate", DEVICE, pattern, "--scores", "--on-error", "skip")
    outcome = run("bulk", DEVICE, "--input", pattern, "-o", tmp_path / "out", "--shards", 3)
    assert outcome.code == 0 and outcome.err == ""
    shards = shards_of(tmp_path / "out")
    assert [file.name for file in shards] == [f"out-0000{n}-of-00003.tsv" for n in range(3)]
    rows = rows_of(shards)
    assert "".join(f"{row[2]}\t{row[4]}\n" for row in rows) == expected.out
    kept = [(inputs / "a.txt", n) for n in range(1, 151)]
    kept += [(inputs / "b.txt", n) for n in range(1, 113) if n not in (11, 12)]
    assert [(Path(row[0]), int(row[1])) for row in rows] == kept
    assert all(0 < float(row[3]) <= 1 for row in rows)
    assert all(file.read_text().count("\n") > 30 for file in shards)
    counted = dict(line.split(": ") for line in outcome.out.splitlines())
    assert [counted[name] for name in ("lines", "translated", "refused")] == ["262", "260", "2"]
    assert int(counted["target tokens"]) == 260 * 11  # ten characters and the end
    dead = rows_of([tmp_path / "out-dead-letters.tsv"])
    place = str(inputs / "b.txt")
    reasons = (
        "expected UTF-8 text. Received: byte 0xff",
        "expected at most 64 tokens including </s>.",
    )
    assert [row[:2] for row in dead] == [[place, "11"], [place, "12"]]
    assert all(row[2].startswith(each) for row, each in zip(dead, reasons, strict=True))
    assert [row[3] for row in dead] == ["", "9" * 999]
    assert sorted(os.listdir(tmp_path)) == sorted(
        [*(file.name for file in shards), "out-dead-letters.tsv"]
    )


def test_a_bar_shows_the_progress_of_all_workers_on_a_terminal(run, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    arguments = "bulk", DEVICE, "--input", inputs / "*.txt", "-o", tmp_path / "out"
    outcome = run(*arguments, "--", "--direct_num_workers", 2)
    assert outcome.code == 0
    assert re.search(r"262/262.* lines/s", outcome.err) and "262/262" not in outcome.out


@pytest.mark.parametrize("kind", ["1", ""])
def test_a_saved_model_and_a_model_write_json_lines_in_gzip(kind, run, trained, inputs, tmp_path):
    options = "--beam", 2, "--length-penalty", 0.5
    expected = run("translate", trained / kind, inputs / "a.txt", *options)
    arguments = "--input", inputs / "a.txt", "-o", tmp_path / "out", "--shards", 2
    outcome = run("bulk", trained / kind, *arguments, *options, "--format", "jsonl", "--gzip")
    assert outcome.code == 0, outcome.err
    texts = [gzip.decompress(file.read_bytes()).decode() for file in shards_of(tmp_path / "out")]
    rows = [json.loads(line) for line in "".join(texts).splitlines()]
    assert [row["text"] for row in rows] == expected.out.splitlines()
    assert [row["line"] for row in rows] == [*range(1, 151)]
    assert {*rows[0]} == {"file", "line", "score", "confidence", "text"}
    assert gzip.decompress((tmp_path / "out-dead-letters.jsonl.gz").read_bytes()) == b""


def test_repeated_bundles_and_more_shards_than_lines_repeat_no_line(run, inputs, tmp_path):
    few = tmp_path / "few.txt"
    few.write_text("march 27, 2016\n\n9/27/94")
    arguments = "bulk", DEVICE, "--input", few, "-o", tmp_path / "out", "--shards", 5
    assert run(*arguments, "--", "--direct_runner_bundle_repeat", 2).code == 0
    assert [row[1] for row in rows_of(shards_of(tmp_path / "out"))] == ["1", "2", "3"]
    assert len(shards_of(tmp_path / "out")) == 5
    outcome = run(*arguments)
    assert outcome.code == 2 and "expected no earlier output with this prefix" in outcome.err
    # A command with incomplete options deletes nothing.
    outcome = run(*arguments, "--overwrite", "--", "--runner", "DataflowRunner")
    assert outcome.code == 2 and outcome.err.startswith("error: RUNNER OPTIONS: Pipeline has val")
    assert outcome.err.count("\n") == 1 and len(shards_of(tmp_path / "out")) == 5
    assert run(*arguments[:-1], 2, "--overwrite").code == 0
    assert len(shards_of(tmp_path / "out")) == 2


def workers_of(process):
    """Return the worker processes that have loaded the model's runtime."""
    return [
        each
        for child in processes_of(process)
        for each in (child, *processes_of(child))
        if RUNTIME in maps_of(each) and "sdk_worker" in Path(f"/proc/{each}/cmdline").read_text()
    ]


def maps_of(process):
    try:
        return Path(f"/proc/{process}/maps").read_text()
    except OSError:
        return ""


def test_without_retries_a_killed_worker_leaves_no_output_until_the_next_run(run, many, tmp_path):
    options = "bulk", DEVICE, "--input", many / "*.txt", "-o", tmp_path / "out", "--shards", 2
    with started(*options, "--", "--direct_num_workers", 2) as process:
        wait_until(lambda: len(workers_of(process.pid)) == 2, PATIENCE)
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and out == b""
    assert error.startswith(b"error: DirectRunner: the pipeline failed and wrote no output.")
    assert error.count(b"\n") == 1 and os.listdir(tmp_path) == []
    assert run(*options, "--", "--direct_num_workers", 2).code == 0
    expected = run("translate", DEVICE, many / "*.txt", "--scores")
    rows = rows_of(shards_of(tmp_path / "out"))
    assert "".join(f"{row[2]}\t{row[4]}\n" for row in rows) == expected.out


def dask_command(cluster, folder, prefix, shards):
    options = "bulk", DEVICE, "--input", folder / "*.txt", "-o", prefix, "--shards", shards
    runner = "--runner", DASK, "--dask_client_address", cluster.scheduler_address
    return *options, "--", *runner, "--dask_partition_size", 1


def test_with_retries_a_killed_worker_loses_and_repeats_no_line(run, many, tmp_path):
    distributed = pytest.importorskip("distributed")
    expected = run("translate", DEVICE, many / "*.txt", "--scores")
    killed = []

    def kill(process):
        wait_until(lambda: RUNTIME in maps_of(process), PATIENCE)
        killed.append(not os.listdir(tmp_path))
        os.kill(process, signal.SIGKILL)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **LOCAL) as cluster:
        process = cluster.workers[0].pid
        thread = threading.Thread(target=kill, args=(process,))
        thread.start()
        outcome = run(*dask_command(cluster, many, tmp_path / "out", shards=2))
        thread.join()
    assert outcome.code == 0 and killed == [True] and not is_running(process)
    rows = rows_of(shards_of(tmp_path / "out"))
    assert "".join(f"{row[2]}\t{row[4]}\n" for row in rows) == expected.out


DIE = """
import os, signal
from keras_attention.export.bulk import output_files
write = output_files.write_file
def die_after_writing(*arguments):
    write(*arguments)
    try:
        os.close(os.open({mark!r}, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
output_files.write_file = die_after_writing
"""
"""Lets the first worker that writes an output file be killed after it has written this file."""


def test_a_worker_that_is_killed_after_it_wrote_a_file_loses_and_repeats_no_line(
    run, many, tmp_path
):
    distributed = pytest.importorskip("distributed")
    expected = run("translate", DEVICE, many / "*.txt", "--scores")
    mark, output = tmp_path / "killed", tmp_path / "output"
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **LOCAL) as cluster:
        with distributed.Client(cluster) as client:
            before = {*client.run(os.getpid).values()}
            client.run(exec, DIE.format(mark=str(mark)), {})
            outcome = run(*dask_command(cluster, many, output / "out", shards=6))
            after = {*client.run(os.getpid).values()}
    assert outcome.code == 0 and mark.exists() and len(before - after) == 1
    rows = rows_of(shards_of(output / "out"))
    assert "".join(f"{row[2]}\t{row[4]}\n" for row in rows) == expected.out
    assert len(os.listdir(output)) == 7


def test_the_handler_translates_in_a_users_own_pipeline():
    import apache_beam as beam
    from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
    from apache_beam.testing.util import assert_that, equal_to

    from keras_attention.errors import TextError
    from keras_attention.export.bulk import TranslationHandler

    handler = KeyedModelHandler(TranslationHandler(DEVICE))
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create([("a", "9/27/94"), ("b", "9" * 999), ("c", "march 27, 2016")])
            | RunInference(handler)
            | beam.MapTuple(lambda key, each: (key, isinstance(each, TextError) or each.text))
        )
        assert_that(found, equal_to([("a", "1994-09-27"), ("b", True), ("c", "2016-03-27")]))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--input", "missing.txt"], "missing.txt: expected a file that can be read. Received: No"),
        (["--input", "missing-*.txt"], "missing-*.txt: expected a file, or a pattern that matches"),
        (["--shards", 0], "Invalid value for '--shards': "),
        (["--beam", 3], "--beam must be"),
        (["--", "--direct_num_worker", 2], "expected options of Apache Beam. Received: --direct_"),
        (["--", "--direct_num_workers", "x"], "argument --direct_num_workers: invalid int value"),
        (
            ["--", "--runner", "Nope"],
            "--runner: expected a runner of Apache Beam that is",
        ),
    ],
)
def test_a_problem_is_one_sentence(options, problem, run, inputs, tmp_path):
    arguments = ["--input", inputs / "a.txt", "-o", tmp_path / "out"]
    outcome = run("bulk", DEVICE, *arguments, *options)
    assert outcome.code == 2 and problem in outcome.err and outcome.err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_missing_extra_is_named(run, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_attention.export.bulk.beam_package.find_spec", lambda name: None)
    outcome = run("bulk", DEVICE, "--input", inputs / "a.txt", "-o", tmp_path / "out")
    needed = "bulk translation requires Apache Beam: pip install 'keras-attention-seq2seq[bulk]'."
    assert outcome == (2, "", f"error: {needed}\n")
