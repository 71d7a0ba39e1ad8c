"""How long until the command line answers, in a fresh process?

python benchmarks/speed/start.py --data data/multi30k

Measures `--help`, and the first translation of `translate` with the exported .tflite file and with
TensorFlow, from the start of the process to the answer on standard output. The first round is not
counted; it brings the files into the system's cache. `python -c pass` is measured too.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import report
from driver import Run, newer_than_library, parser

COMMAND = Path(sys.executable).parent / "keras-attention"


def first_answer(words: list[str], line: str | None = None) -> dict[str, float]:
    """Return the seconds until the first line of output, and the CPU seconds until the end.

    Args:
        words: the command.
        line: a line for its standard input, which stays open until the command has answered.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("no pipes")
    if line is not None:
        stdin.write(line + "\n")
        stdin.flush()
    answer = stdout.readline()
    wall = time.perf_counter() - start
    stdin.close()
    stdout.read()
    if process.wait() or not (answer or line is None):
        raise SystemExit(f"{' '.join(words)} gave no answer, exit code {process.returncode}")
    whole = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"first answer s": wall, "whole s": whole, "cpu s": cpu}


def prepare(run: Run) -> tuple[Path, str]:
    """Return the folder of a model with its exports, and a text to translate."""
    config = run.config(run.attentions[0])
    folder = Path(config["folder"])
    exported = folder / config["attention"]
    if not newer_than_library(exported / "int8.tflite"):  # the file that is written last
        worker = run.start(["ours"], config)["ours"]
        worker.ask("prepare_search")
        worker.ask("export")
        worker.close()
    return exported, (folder / "sources.txt").read_text(encoding="utf-8").splitlines()[0]


def main() -> None:
    run = Run.of(parser(__doc__ or "", "ours").parse_args(), rounds=5, quick_rounds=1)
    folder, text = prepare(run)
    own = str(COMMAND)
    questions: dict[str, tuple[list[str], str | None]] = {
        "python -c pass": ([sys.executable, "-c", "pass"], None),
        "--help": ([own, "--help"], None),
        "translate, .tflite": ([own, "translate", str(folder / "float32.tflite")], text),
        "translate, TensorFlow": ([own, "translate", str(folder / "model")], text),
    }
    raw: dict[str, list[dict[str, float]]] = {name: [] for name in questions}
    for number in range(run.rounds + 1):
        for name, (words, line) in questions.items():
            found = first_answer(words, line)
            print(f"round {number} of {run.rounds}, {name}: {found}", file=sys.stderr)
            if number:
                raw[name].append(found)
    rows: list[dict[str, Any]] = [
        {"command": name, **{key: statistics.median(f[key] for f in all_) for key in all_[0]}}
        for name, all_ in raw.items()
    ]
    report.show(f"Start, {os.path.basename(own)}", rows)
    report.save(run, "start", {"start": rows}, raw, {})


if __name__ == "__main__":
    main()
