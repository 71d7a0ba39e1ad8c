"""The worker's side of the protocol: read a JSON request per line, and write a JSON reply.

A worker reads only standard input and its single argument, a JSON object. The output of libraries
goes to standard error, which the driver writes to a file.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PAD, START, END = range(3)
Reply = dict[str, Any]

# This runs before other imports, so that the output of libraries does not mix with the replies.
_REPLIES = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def settings() -> dict[str, Any]:
    """Return the settings with which the driver started this worker."""
    return json.loads(sys.argv[1])


@contextmanager
def measured() -> Iterator[Reply]:
    """Measure a block: store its wall seconds, and the CPU seconds of all threads, in a dict."""
    found: Reply = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found["wall"], found["cpu"] = time.perf_counter() - wall, time.process_time() - cpu


def serve(system: Any, **ready: Any) -> None:
    """Report that the worker is ready, and answer requests until standard input ends.

    Args:
        system: the object whose methods answer requests; "do" in a request names the method, and
            the other fields are its arguments.
        **ready: fields of the first reply.
    """

    def send(reply: Reply) -> None:
        _REPLIES.write(json.dumps(reply) + "\n")
        _REPLIES.flush()

    send({"cpu": time.process_time(), **ready, **memory()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            name = request.pop("do")
            send(memory(**request) if name == "memory" else getattr(system, name)(**request))
        except Exception:
            send({"error": traceback.format_exc()})


def memory(reset: bool = False) -> Reply:
    """Return the peak resident memory in MiB; with `reset`, first forget it if the system can."""
    if reset:
        _forget_peak()
    return {"peak_mib": _peak_mib()}


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # then the peak covers the whole life of the process
        return


def _peak_mib() -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def read_batches(folder: str, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read batches of source ids `[B, S]` and target ids `[B, T]`, with `</s>` and padding 0.

    Targets do not begin with `<s>`; see `teacher` for that.
    """
    with np.load(Path(folder) / f"{name}.npz") as arrays:
        count = len(arrays.files) // 2
        return [(arrays[f"source_{i}"], arrays[f"target_{i}"]) for i in range(count)]


def take(batches: list[Any], first: int, steps: int) -> list[Any]:
    """Return `steps` batches from index `first` on; start again after the last batch."""
    return [batches[index % len(batches)] for index in range(first, first + steps)]


def real_tokens(batches: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Count the target tokens that are not padding."""
    return sum(int(np.count_nonzero(target)) for _, target in batches)


def read_sources(folder: str) -> list[list[int]]:
    """Read the sources for searches, each with `</s>` at the end."""
    return json.loads((Path(folder) / "sources.json").read_text(encoding="utf-8"))


def teacher(target: np.ndarray) -> np.ndarray:
    """Return the decoder's input for `target`: shifted right by one, after `<s>`."""
    shifted = np.roll(target, 1, axis=1)
    shifted[:, 0] = START
    return np.where(target == PAD, PAD, shifted)


def pad(sequences: list[list[int]]) -> np.ndarray:
    """Return sequences as one matrix, padded on the right with 0."""
    width = max(map(len, sequences))
    return np.array([ids + [PAD] * (width - len(ids)) for ids in sequences], "int32")


def cut(sources: list[list[int]], batch_size: int, *, by_length: bool) -> list[np.ndarray]:
    """Return search batches in the order of the file or of the source lengths."""
    ordered = sorted(sources, key=len) if by_length else sources
    return [pad(ordered[i : i + batch_size]) for i in range(0, len(ordered), batch_size)]


def one_by_one(sources: list[list[int]], search: Callable[[list[int]], Any]) -> Reply:
    """Measure wall and CPU seconds of each source, and of all sources."""
    walls, cpus, outputs = [], [], []
    with measured() as found:
        for ids in sources:
            wall, cpu = time.perf_counter(), time.process_time()
            outputs.append(search(ids))
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    tokens = sum(map(output_length, outputs))
    return {**found, "walls": walls, "cpus": cpus, "sentences": len(sources), "tokens": tokens}


def count_tokens(outputs: list[Any]) -> int:
    """Count the generated tokens up to and including `</s>`; each array has a row per source."""
    return sum(output_length(row) for rows in outputs for row in np.asarray(rows))


def output_length(row: Any) -> int:
    """Count the tokens of one output, up to and including `</s>`."""
    ends = np.flatnonzero(row == END)
    return int(ends[0]) + 1 if len(ends) else int(np.count_nonzero(row != PAD))
