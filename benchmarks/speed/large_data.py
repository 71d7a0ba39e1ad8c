"""How much memory and time does a run need until its first training step on many pairs?

python benchmarks/speed/large_data.py --pairs 1000000 --output benchmarks/results/large_data.json

The script writes files of synthetic pairs (136 MB for a million) and deletes them afterwards. For
each value of `data.in_memory`, the size above which pairs and ids are kept in files, it trains one
step in a process of its own, twice: the second start finds the store of the first. One more row has
only `--few` pairs: its memory is what a run needs apart from its data. The words follow Zipf's law.
The memory is the peak of the process and of the processes that it starts, without the pages of
files, which the system drops when it needs memory.

Compare how long an earlier version needs to start on few pairs:

python benchmarks/speed/large_data.py --pairs 0 --rounds 7 --older OLDER/bin/python

OLDER is a virtual environment in which that version is installed. The versions take turns, and the
rows are medians over the rounds. Only versions with `keras_attention.training.prepare` can be
compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 30_000
SETTINGS = [
    "data.format=tsv",
    "data.held_out=1000",
    "text.source_vocabulary_size=8000",
    "text.target_vocabulary_size=8000",
    "model.units=64",
    "model.embedding=64",
    "training.batch_size=64",
]
TOKENIZERS = {
    "word": ["text.source_tokenizer=word", "text.target_tokenizer=word"],
    "character": ["data.max_source_length=200", "data.max_target_length=200"],
    "subword": ["text.source_tokenizer=subword", "text.target_tokenizer=subword"],
}


def write_pairs(path: Path, count: int) -> None:
    """Write pairs of 5 to 16 words a side, of six letters on average."""
    rng = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(WORDS)]
    shares = 1 / np.arange(1, WORDS + 1)
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, count, 10_000):
            lengths = rng.integers(5, 17, (min(10_000, count - first), 2))
            drawn = iter(rng.choice(WORDS, lengths.sum(), p=shares / shares.sum()).tolist())
            for pair in lengths.tolist():
                texts = (" ".join(words[next(drawn)] for _ in range(size)) for size in pair)
                file.write("\t".join(texts) + "\n")


def private_memory() -> int:
    """Return the memory of this process and its children in bytes, without the pages of files."""
    own, total = os.getpid(), 0
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            status = dict(line.split(":", 1) for line in path.read_text().splitlines())
        except OSError:  # the process has ended
            continue
        if own in (int(status["Pid"]), int(status["PPid"])):
            total += 1024 * int(status.get("RssAnon", "0 kB").split()[0])
    return total


def measure_step(store: str, settings: list[str]) -> dict[str, float]:
    """Train one step with a store of large data, and return seconds and peak memory in MB."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            peak = max(peak, private_memory())

    started = time.perf_counter()
    from keras_attention.training.prepare import prepare
    from keras_attention.training.recipe.recipe import load_recipe

    options = store_option(Path(store))
    imports = time.perf_counter() - started
    imported = private_memory()
    threading.Thread(target=watch, daemon=True).start()
    begun, used = time.perf_counter(), time.process_time()
    prepared = prepare(load_recipe("copy", settings), **options)
    ready = time.perf_counter() - begun
    prepared.translator.single_model.fit(prepared.batches.stream(), steps_per_epoch=1, verbose=0)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    done.set()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds of the imports": imports,
        "seconds until prepared": ready,
        "seconds until the first step": seconds,
        "CPU seconds": cpu,
        "CPU seconds of the encoding processes": children.ru_utime + children.ru_stime,
        "MB after the imports": imported / 1e6,
        "peak MB": peak / 1e6,
    }


def store_option(path: Path) -> dict[str, Any]:
    """Return the argument of `prepare` that sets the store; earlier versions have no store."""
    try:
        from keras_attention.training.data.data_store import DataStore
    except ImportError:
        return {}
    return {"store": DataStore(path)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=int, default=1_000_000, help="pairs of the other rows; 0: no other rows"
    )
    parser.add_argument(
        "--in-memory", nargs="*", help="values of data.in_memory; default: as the recipe"
    )
    parser.add_argument("--tokenizer", choices=TOKENIZERS, default="word")
    parser.add_argument("--few", type=int, default=2000, help="pairs of the first row")
    parser.add_argument("--rounds", type=int, default=1, help="starts with few pairs; default 1")
    parser.add_argument("--older", metavar="PYTHON", help="Python with an earlier version")
    parser.add_argument("--folder", type=Path, help="where to write the files")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measure_step(*options.child[:1], options.child[1:])))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measure_few(Path(folder), options)
        for limit in (options.in_memory or [None]) if options.pairs else ():
            for _ in ("first", "second"):
                rows.append(measure_start(Path(folder), options.pairs, options.tokenizer, limit))
    if options.output:
        command = "python benchmarks/speed/large_data.py " + " ".join(sys.argv[1:])
        values = {"command": command, "machine": platform.machine(), "rows": rows}
        options.output.write_text(json.dumps(values, indent=1) + "\n")


def measure_few(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for this version and one for the older version, with medians over the rounds."""
    pythons = {"this": sys.executable} | ({"older": options.older} if options.older else {})
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in pythons}
    for number in range(options.rounds):
        for name in list(pythons)[:: -1 if number % 2 else 1]:
            start = measure_start(folder, options.few, options.tokenizer, python=pythons[name])
            found[name].append(start)
    rows = []
    for name, starts in found.items():
        row = {"version": name, "rounds": options.rounds}
        for key, value in starts[0].items():
            is_measured = isinstance(value, float)
            row[key] = statistics.median(each[key] for each in starts) if is_measured else value
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def measure_start(
    folder: Path,
    pairs: int,
    tokenizer: str,
    limit: str | None = None,
    *,
    python: str = sys.executable,
) -> dict[str, Any]:
    """Train one step in a process of its own, and return and print what it measured."""
    path, store = folder / f"{pairs}.tsv", folder / f"{pairs}-{limit}.store"
    if not path.exists():
        write_pairs(path, pairs)
    settings = [*SETTINGS, *TOKENIZERS[tokenizer], f"data.path={path}"]
    settings += [f"data.in_memory={limit}"] if limit is not None else []
    row = {
        "pairs": pairs,
        "file MB": path.stat().st_size / 1e6,
        "tokenizer": tokenizer,
        "data.in_memory": limit,
        "start": "second" if store.exists() else "first",
    }
    command = [python, __file__, "--child", str(store), *settings]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row |= json.loads(done.stdout.splitlines()[-1])
    row["store MB"] = sum(each.stat().st_size for each in store.rglob("*") if each.is_file()) / 1e6
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
