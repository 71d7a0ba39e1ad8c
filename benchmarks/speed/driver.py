"""The options, workers and rounds that all scripts share."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

FULL = {
    "vocabulary": 8000,
    "embedding": 256,
    "units": 512,
    "batch": 64,
    "max_length": 64,
    "pairs": 12000,
    "batches": 96,
    "learn_from": 0,
    "sentences": 256,
    "search_batch": 64,
}
TINY = {
    "vocabulary": 300,
    "embedding": 16,
    "units": 32,
    "batch": 8,
    "max_length": 96,
    "pairs": 200,
    "batches": 8,
    "learn_from": 400,
    "sentences": 8,
    "search_batch": 4,
}
WORKERS = {
    "ours": "ours.py",
    "tflite": "tflite.py",
    "keras": "keras_plain.py",
    "torch": "torch_plain.py",
    "joeynmt": "joey.py",
    "floor": "floor.py",
    "growing": "growing.py",
    "parts": "parts.py",
    "profiled": "profiled.py",
    "rates": "rates.py",
}
ATTENTIONS = ("luong", "bahdanau")

ISAS = {
    name: {
        "ONEDNN_MAX_CPU_ISA": onednn,
        "DNNL_MAX_CPU_ISA": onednn,
        "MKL_ENABLE_INSTRUCTIONS": mkl,
        "ATEN_CPU_CAPABILITY": aten,
    }
    for name, onednn, mkl, aten in (
        ("avx2", "AVX2", "AVX2", "avx2"),
        ("avx512", "AVX512_CORE_VNNI", "AVX512", "avx512"),
        ("bf16", "AVX512_CORE_BF16", "AVX512", "avx512"),
    )
}
"""Environment variables that keep libraries from using newer instructions. Eigen, XNNPACK and NumPy
do not read them."""

Reply = dict[str, Any]


@dataclass
class Contestant:
    """A row of a table: a worker, with additional arguments for its requests.

    Attributes:
        name: its name in the table.
        worker: a key of `WORKERS`.
        extra: the additional arguments.
    """

    name: str
    worker: str
    extra: dict[str, Any] = field(default_factory=dict)


class Worker:
    """A process that loads one system and answers requests; see `workers/protocol.py`."""

    def __init__(self, name: str, python: str, config: dict[str, Any], threads: int) -> None:
        script = HERE / "workers" / WORKERS[name]
        self.name, self._log = name, tempfile.TemporaryFile()
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [python, str(script), json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **_environment(name, threads)},
            text=True,
        )
        self.ready = self._answer()
        self.ready["wall"] = time.perf_counter() - start

    def ask(self, do: str, **arguments: Any) -> Reply:
        """Send a request and wait for its reply."""
        stdin: Any = self._process.stdin
        stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        stdin.flush()
        return self._answer()

    def _answer(self) -> Reply:
        stdout: Any = self._process.stdout
        line = stdout.readline()
        reply = json.loads(line) if line else {"error": self._last_words()}
        if "error" in reply:
            self.close()
            raise SystemExit(f"{self.name} failed:\n{reply['error']}")
        return reply

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-2000:]

    def close(self) -> None:
        """End the process and wait for it."""
        stdin: Any = self._process.stdin
        stdin.close()
        self._process.wait()


def _environment(name: str, threads: int) -> dict[str, str]:
    """Return environment variables for libraries that ignore the affinity, and for oneDNN."""
    chosen = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    chosen |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    if name in ("ours", "floor", "growing", "parts", "profiled"):
        chosen["TF_ENABLE_ONEDNN_OPTS"] = "1"
    return chosen


def restrict(isa: str) -> None:
    """Restrict the workers that start from now on to an instruction set; "all" means no limit."""
    for name in next(iter(ISAS.values())):
        os.environ.pop(name, None)
    os.environ.update(ISAS.get(isa, {}))


def pin(threads: int) -> None:
    """Restrict this process and its future child processes to a number of cores."""
    if CORES:
        os.sched_setaffinity(0, CORES[:threads])


def parser(description: str, systems: str, quick: str = "") -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts have.

    Args:
        description: the docstring of the script.
        systems: the systems that it compares.
        quick: the systems that it compares with `--quick`, if fewer.
    """
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    options.add_argument("--tiny", action="store_true", help="tiny sizes, to test the script")
    options.add_argument("--threads", type=int, default=1, help="number of cores for every system")
    options.add_argument(
        "--data", type=Path, default=Path("data/multi30k"), help="folder with train.en and train.de"
    )
    options.add_argument("--rounds", type=int, help="number of rounds")
    fewer = f"; with --quick {quick}" if quick else ""
    options.add_argument("--systems", help=f"default {systems}{fewer}")
    options.set_defaults(all_systems=systems, quick_systems=quick or systems)
    options.add_argument("--attention", default="", help="luong, bahdanau or both")
    options.add_argument(
        "--isa",
        choices=(*ISAS, "all"),
        default="all",
        help="newest instructions that matrix products may use, if the processor has them; "
        "default all",
    )
    options.add_argument("--python-joey", default="", help="interpreter that has joeynmt")
    options.add_argument("--python-torch", default="", help="interpreter that has torch")
    options.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    return options


@dataclass
class Run:
    """The options of a script, with defaults filled in."""

    options: argparse.Namespace
    rounds: int
    attentions: list[str]
    systems: list[str]

    @classmethod
    def of(cls, options: argparse.Namespace, *, rounds: int, quick_rounds: int = 2) -> Run:
        """Fill in defaults, and leave out systems without an interpreter."""
        small = options.quick or options.tiny
        usual = options.quick_systems if options.quick else options.all_systems
        pythons = {"joeynmt": options.python_joey, "torch": options.python_torch}
        pythons["torch"] = pythons["torch"] or pythons["joeynmt"]
        systems = []
        for name in (options.systems or usual).split(","):
            if name not in options.all_systems.split(","):
                raise SystemExit(
                    f"each name in --systems must be one of {options.all_systems}. Received: {name}"
                )
            if pythons.get(name, sys.executable):
                systems.append(name)
            else:
                print(f"skipping {name}: it requires --python-{name[:5]}", file=sys.stderr)
        options.pythons = {**dict.fromkeys(WORKERS, sys.executable), **pythons}
        chosen = options.attention or ("luong" if small else "luong,bahdanau")
        if unknown := set(chosen.split(",")) - set(ATTENTIONS):
            raise SystemExit(f"--attention accepts {', '.join(ATTENTIONS)}. Received: {unknown}")
        least = 1 if options.tiny else quick_rounds
        pin(options.threads)
        restrict(options.isa)
        return cls(
            options, options.rounds or (least if small else rounds), chosen.split(","), systems
        )

    def config(self, attention: str, *, batches: int = 0) -> dict[str, Any]:
        """Return the sizes of a comparison and the folder of its data; prepare missing data."""
        config: dict[str, Any] = dict(TINY if self.options.tiny else FULL)
        config["batches"] = max(config["batches"], batches)
        config["data"] = str(self.options.data.absolute())
        name = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / "keras-attention-speed" / name
        config |= {"folder": str(folder), "threads": self.options.threads, "attention": attention}
        if not (folder / "sources.json").is_file():
            words = [sys.executable, str(HERE / "prepare.py"), json.dumps(config)]
            environment = _environment("ours", self.options.threads)
            if subprocess.run(words, env={**os.environ, **environment}).returncode:
                raise SystemExit(f"the data of {self.options.data} could not be prepared")
        return config

    def present(
        self, contestants: list[Contestant], workers: dict[str, Worker]
    ) -> list[Contestant]:
        """Return the systems to run. A quick run skips the rows without oneDNN."""
        return [
            contestant
            for contestant in contestants
            if contestant.worker in workers
            and not (self.options.quick and contestant.extra.get("onednn") is False)
        ]

    def start(self, names: list[str], config: dict[str, Any]) -> dict[str, Worker]:
        """Start the requested workers, one after the other."""
        return {
            name: Worker(name, self.options.pythons[name], config, self.options.threads)
            for name in dict.fromkeys(names)
            if name in self.systems
        }


def take_turns(
    workers: dict[str, Worker],
    contestants: list[Contestant],
    rounds: int,
    do: str,
    *,
    steps: int = 0,
    **arguments: Any,
) -> dict[str, list[Reply]]:
    """Send every contestant one request per round; the first round is not counted.

    With `steps`, every round trains on the next `steps` batches.

    Each round starts with another contestant, so that disturbances affect all of them.
    """
    replies: dict[str, list[Reply]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds + 1):
        shift = number % max(1, len(contestants))
        for contestant in contestants[shift:] + contestants[:shift]:
            if not number and contestant.worker == "floor":
                continue  # the floor prepares every shape before it measures: no warm-up
            asked = {**arguments, **contestant.extra}
            asked |= {"first": number * steps, "steps": steps} if steps else {}
            reply = workers[contestant.worker].ask(do, **asked)
            print(
                f"round {number} of {rounds}, {do}, {contestant.name}: {reply['wall']:.2f} s, "
                f"processor {reply['cpu']:.2f} s",
                file=sys.stderr,
            )
            if number:
                replies[contestant.name].append(reply)
    return replies


def newer_than_library(path: Path) -> bool:
    """Return whether a file is newer than the last change of the library."""
    rooms = [HERE.parents[1] / name for name in ("keras_attention", "training", "export")]
    sources = [file for room in rooms for file in room.rglob("*.py")]
    return path.is_file() and path.stat().st_mtime > max(f.stat().st_mtime for f in sources)


def versions_of(workers: dict[str, Worker]) -> dict[str, str]:
    """Return the versions that the workers report."""
    return {
        library: number
        for worker in workers.values()
        for library, number in worker.ready.get("versions", {}).items()
    }
