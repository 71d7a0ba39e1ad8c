"""A worker process that ends, or sends an invalid answer, causes an error of one sentence."""

import gc
import os
import sys

import pytest

from keras_attention import child_processes
from keras_attention.child_processes import WorkerProcess
from keras_attention.errors import InputError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", "a worker process ended early, with exit code 3."),
        (
            "import os; os.kill(os.getpid(), 9)",
            "a worker process was killed by SIGKILL; if the memory is full, free some of it.",
        ),
        ("import os; os.kill(os.getpid(), 40)", "a worker process was killed by signal 40."),
        (
            "import time; print('noise', flush=True); time.sleep(60)",
            "a worker process sent an invalid answer and was stopped.",
        ),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="needs Unix signals")
def test_the_error_says_why_a_process_does_not_answer(code, message, monkeypatch):
    if "noise" in code:
        monkeypatch.setattr(child_processes, "_GRACE", 0.01)
    command = [sys.executable, "-c", code]
    with pytest.raises(InputError) as error:
        worker = WorkerProcess(command, os.environ, "job", advice="free some of it")
        try:
            worker.receive()
        finally:
            worker.close()
    assert str(error.value) == message


def test_a_process_that_ends_before_its_job_leaves_no_pipe_open():
    large = bytes(1 << 22)  # more than a pipe holds
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with pytest.raises(InputError, match="ended early, with exit code 3"):
        WorkerProcess(command, os.environ, large, advice="free some of it")
    gc.collect()  # pytest reports pipes that nobody closed
