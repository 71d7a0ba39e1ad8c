"""Trains the runs of a comparison in separate processes, several at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, cast

from keras_attention.child_processes import child_environment

from .comparison import Run
from .worker import UNUSABLE_INPUT

WORKER = [sys.executable, "-m", "keras_attention.training.compare.worker"]
"""The command that starts the process of a run."""

_PAUSE = 0.2


class Failure(NamedTuple):
    """A run that failed.

    Attributes:
        run: the run.
        reason: the last line of its output.
        by_input: whether its recipe or data cannot be used, so that another try would fail too.
    """

    run: Run
    reason: str
    by_input: bool = False


def run_all(
    runs: Sequence[Run],
    *,
    jobs: int = 1,
    lengths: Sequence[int] = (),
    on_start: Callable[[Run], None] = lambda run: None,
    on_end: Callable[[Run, Failure | None], None] = lambda run, failure: None,
    on_wait: Callable[[], None] = lambda: None,
) -> list[Failure]:
    """Train and measure runs in separate processes; a run that fails does not stop the others.

    If this process ends in any way, its child processes end too. The runs can be continued from
    their last validation.

    Args:
        runs: the runs, in the order in which to start them.
        jobs: number of processes at the same time, each with an equal share of the threads.
        lengths: source lengths to test on; see `complete_run`.
        on_start: called with each run that starts.
        on_end: called with each run that ends, and with its failure or None.
        on_wait: called several times per second.
    """
    waiting, failures = deque(runs), []
    at_work: dict[Path, tuple[Run, subprocess.Popen[bytes]]] = {}
    environment = child_environment(os.environ, jobs)
    try:
        while waiting or at_work:
            while waiting and len(at_work) < jobs:
                run = waiting.popleft()
                at_work[run.folder] = run, _start(run, lengths, jobs, environment)
                on_start(run)
            for folder, (run, process) in list(at_work.items()):
                if process.poll() is None:
                    continue
                del at_work[folder]
                _pipe_to(process).close()
                failure = _failure_of(run, process.returncode)
                failures += [failure] if failure else []
                on_end(run, failure)
            on_wait()
            time.sleep(_PAUSE)
    finally:
        for _, process in at_work.values():
            process.kill()
            process.wait()
            _pipe_to(process).close()
    return failures


def _start(
    run: Run, lengths: Sequence[int], jobs: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    run.recipe.save(run.recipe_file)
    job = {
        "label": run.label,
        "recipe": str(run.recipe_file),
        "folder": str(run.folder),
        "lengths": list(lengths),
        "jobs": jobs,
    }
    with open(run.log_file, "ab") as log:
        process = subprocess.Popen(
            WORKER,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
        )
    with suppress(BrokenPipeError):  # if the process has ended, its exit code is checked later
        _pipe_to(process).write(json.dumps(job).encode() + b"\n")
    return process


def _pipe_to(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast(IO[bytes], process.stdin)


def _failure_of(run: Run, code: int) -> Failure | None:
    if not code:
        return None
    lines = run.log_file.read_text(encoding="utf-8", errors="replace").split("\n")
    messages = [line.strip() for line in lines if line.strip()]
    if code < 0 or not messages:
        return Failure(run, f"ended by signal {-code}" if code < 0 else f"ended with code {code}")
    return Failure(run, messages[-1].removeprefix("error: "), by_input=code == UNUSABLE_INPUT)
