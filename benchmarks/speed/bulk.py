"""How fast are `translate`, and `bulk` on Apache Beam, with one worker and with two?

python benchmarks/speed/bulk.py --lines 1000000 --output benchmarks/results/bulk.json

In each round, four commands translate the same lines: `translate` and `bulk`, each with one worker
on one core and with two workers on two cores. The script checks that all outputs are equal. Times
include the start of a command, such as the import of Beam. On a busy machine, compare processor
times: if workers do not slow each other down, two take as much as one. The lines are dates, because
the default model reads dates. With `--input FILE`, they are the first lines of FILE.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report
from driver import CORES, HERE, Run

MODEL = HERE.parents[1] / "saved_models" / "pretrained" / "dates.tflite"
PROGRAM = Path(sys.executable).with_name("keras-attention")


Times = dict[str, dict[str, float]]
"""The wall time and the processor time of each command, in seconds."""


def lines_of(options: argparse.Namespace) -> Iterator[str]:
    if options.input:
        with open(options.input, encoding="utf-8") as file:
            yield from itertools.islice(file, options.lines)
        return
    from keras_attention.training.tasks.dates import generate_dates

    dates = [source for source, _ in generate_dates(min(options.lines, 20_000), 1)]
    yield from (f"{each}\n" for each in itertools.islice(itertools.cycle(dates), options.lines))


def cpu_seconds() -> float:
    """Return the processor time of all commands that have ended, and of their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(cores: int, *words: Any) -> dict[str, float]:
    """Run a command on some cores, and return its wall time and its processor time."""
    begun, before = time.monotonic(), cpu_seconds()
    process = subprocess.Popen(
        [PROGRAM, *map(str, words)],
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, CORES[:cores]),
    )
    if process.wait():
        raise SystemExit(f"the command ended with {process.returncode}: {words}")
    return {"wall": time.monotonic() - begun, "cpu": cpu_seconds() - before}


def texts_of(prefix: Path) -> list[str]:
    files = sorted(prefix.parent.glob(f"{prefix.name}-*-of-*.tsv"))
    lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
    return [line.split("\t", 4)[4] for line in lines]


def measure(options: argparse.Namespace, folder: Path, round_number: int) -> Times:
    """Return the time of each command, and check that their outputs are equal."""
    source, size = folder / "in.txt", ("--batch-size", options.batch_size)
    found: Times = {}
    expected: list[str] = []

    def check(name: str, output: list[str]) -> None:
        if output != expected:
            raise SystemExit(f"{name}: the output differs from that of translate with one worker")

    for count in (1, 2):
        workers = f"{count} worker" + "s" * (count > 1)
        plain, prefix = folder / f"out-{count}.txt", folder / f"bulk-{count}"
        translate = ["translate", options.model, source, "-o", plain, *size]
        bulk = ["bulk", options.model, "--input", source, "-o", prefix, "--shards", 8, *size]
        found[f"translate, {workers}"] = seconds(count, *translate, "--workers", count)
        output = plain.read_text(encoding="utf-8").splitlines()
        expected = expected or output
        check(f"translate, {workers}", output)
        on_direct_runner = ["--overwrite", "--", "--direct_num_workers", count]
        found[f"bulk, {workers}"] = seconds(count, *bulk, *on_direct_runner)
        check(f"bulk, {workers}", texts_of(prefix))
    print(f"round {round_number}:", report.compact(found))
    return found


def row_of(name: str, rounds: list[Times], lines: int) -> dict[str, Any]:
    row: dict[str, Any] = {"command": name, "lines": lines}
    for clock in ("wall", "cpu"):
        times = [each[name][clock] for each in rounds]
        row[f"seconds, {clock}"] = statistics.median(times)
        row[f"lines/s, {clock}"] = lines / statistics.median(times)
        for other in ("translate, 1 worker", "bulk, 1 worker"):
            ratios = [each[other][clock] / each[name][clock] for each in rounds]
            row[f"over {other}, {clock}"] = statistics.median(ratios)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--input", type=Path, help="file with one text per line; default: dates")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    options = parser.parse_args()
    if options.input and not options.input.is_file():
        parser.error(f"argument --input: expected a file. Received: {options.input}")
    if len(CORES) < 2:
        raise SystemExit("two cores are needed")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in.txt").write_text("".join(lines_of(options)), encoding="utf-8")
        rounds = [measure(options, folder, number) for number in range(options.rounds)]
    rows = [row_of(name, rounds, options.lines) for name in rounds[0]]
    report.show("whole commands", rows)
    options.threads, options.isa, options.quick, options.tiny = 2, "all", False, False
    run = Run(options, options.rounds, [], [])
    versions = {"apache-beam": report.version("apache-beam")}
    report.save(run, "bulk", {"commands": rows}, rounds, versions)


if __name__ == "__main__":
    main()
