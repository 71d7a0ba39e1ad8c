"""A comparison starts and ends processes; here they run a test program instead of training."""

import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest

from keras_attention.training.compare import jobs
from keras_attention.training.compare.comparison import plan_runs
from keras_attention.training.compare.variants import expand_grid

PROGRAM = """
import json, os, sys, time
job = json.loads(sys.stdin.readline())
open(job["folder"] + ".begun", "w").write(f"{os.getpid()} {time.monotonic()}")
name = job["label"]
print("says", name, job["lengths"], job["jobs"], os.environ.get("OMP_NUM_THREADS"))
if name == "units=1":
    print("error: the data is missing.")
    sys.exit(2)
if name == "units=2":
    os.kill(os.getpid(), 9)
if name == "units=9":
    time.sleep(60)
time.sleep(0.3)
open(job["folder"] + ".ended", "w").write(str(time.monotonic()))
"""


@pytest.fixture
def planned(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    monkeypatch.setattr(jobs, "WORKER", [sys.executable, str(program)])
    return lambda *units: plan_runs(
        expand_grid("copy", ["merge=sum"], vary=[f"units={','.join(units)}"]).variants,
        1,
        tmp_path / "runs",
    )


def file_of(run, suffix):
    return run.folder.with_name(run.folder.name + suffix)


def test_a_failed_run_is_reported_and_does_not_stop_the_others(planned):
    runs, started, ended = planned("1", "2", "3"), [], []
    failures = jobs.run_all(
        runs, on_start=started.append, on_end=lambda run, failure: ended.append((run, failure))
    )
    assert [(failure.run, failure.reason) for failure in failures] == [
        (runs[0], "the data is missing."),
        (runs[1], "ended by signal 9"),
    ]
    assert started == runs
    assert ended == [*zip(runs, [*failures, None], strict=True)]
    assert file_of(runs[2], ".ended").is_file()


def test_parallel_runs_share_the_threads(planned):
    runs = planned("3", "4", "5")
    environment = {"TF_NUM_INTRAOP_THREADS": "5"}
    assert jobs.child_environment(environment, 2)["TF_NUM_INTEROP_THREADS"] == "2"
    assert jobs.child_environment(environment, 8)["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in jobs.child_environment(environment, 1)
    assert jobs.run_all(runs, jobs=2, lengths=[10, 20]) == []
    begun = [float(file_of(run, ".begun").read_text().split()[1]) for run in runs]
    ended = [float(file_of(run, ".ended").read_text()) for run in runs]
    assert max(begun[:2]) < min(ended[:2])
    assert begun[2] > min(ended[:2])
    assert runs[0].log_file.read_text().startswith("says units=3 [10, 20] 2 ")
    assert all(run.recipe_file.is_file() for run in runs)


def test_runs_in_folders_with_the_same_name_are_distinct(planned, tmp_path):
    runs = planned("3", "4")
    runs[1] = replace(runs[1], folder=tmp_path / "elsewhere" / runs[0].folder.name)
    assert jobs.run_all(runs, jobs=2) == []
    assert all(file_of(run, ".ended").is_file() for run in runs)


def test_workers_end_with_their_parent(planned):
    (run,) = planned("9")

    def stop():
        if file_of(run, ".begun").is_file() and file_of(run, ".begun").read_text():
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        jobs.run_all([run], on_wait=stop)
    assert time.monotonic() - begun < 30
    assert not file_of(run, ".ended").exists()


PARENT = """
import sys
from pathlib import Path
from keras_attention.training.compare import jobs
from keras_attention.training.compare.comparison import plan_runs
from keras_attention.training.compare.variants import expand_grid
jobs.WORKER = [sys.executable, "-c", sys.argv[1]]
jobs.run_all(plan_runs(expand_grid("copy", vary=["units=8"]).variants, 1, Path(sys.argv[2])))
"""
WORKER = """
import socket, time
from keras_attention.training.compare import worker
def complete(job):
    connection = socket.create_connection(("127.0.0.1", {port}))
    connection.sendall(b"at work")
    time.sleep(60)
worker._complete = complete
worker.main()
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    """The worker's connection closes when its process ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        program = WORKER.format(port=server.getsockname()[1])
        parent = subprocess.Popen([sys.executable, "-c", PARENT, program, str(tmp_path)])
        try:
            connection, _ = server.accept()
            connection.settimeout(10)
            # Wait for this before the kill; otherwise the worker might end before it has sent this.
            begun = connection.recv(7)
        finally:
            parent.kill()  # the parent cannot handle SIGKILL
            parent.wait()
    with connection:
        assert begun == b"at work"
        assert connection.recv(1) == b""
