"""How much memory and time does a run need until its first training step on many pairs?

python benchmarks/speed/large_data.py --pairs 1000000 --output benchmarks/results/large_data.json

The script writes a file of synthetic pairs (136 MB for a million) and deletes it afterwards. For
each value of `data.in_memory`, it trains one step in a process of its own; this setting is the size
above which pairs and ids are kept in files. The words follow Zipf's law. The memory is the peak of
the process, without the pages of files, which the system drops when it needs memory.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

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
    """Write pairs of 5 to 19 words a side, of six letters on average."""
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
    """Return the memory of this process in bytes, without the pages of files."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])


def measure_step(settings: list[str]) -> dict[str, float]:
    """Train one step, and return seconds and peak memory in MB."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, private_memory())

    from keras_attention.training.prepare import prepare
    from keras_attention.training.recipe.recipe import load_recipe

    imported = private_memory()
    threading.Thread(target=watch, daemon=True).start()
    begun, used = time.perf_counter(), time.process_time()
    prepared = prepare(load_recipe("copy", settings))
    ready = time.perf_counter() - begun
    prepared.translator.single_model.fit(prepared.batches.stream(), steps_per_epoch=1, verbose=0)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    done.set()
    return {
        "seconds until prepared": ready,
        "seconds until the first step": seconds,
        "CPU seconds": cpu,
        "MB after the imports": imported / 1e6,
        "peak MB": peak / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument(
        "--in-memory", nargs="*", help="values of data.in_memory; default: as the recipe"
    )
    parser.add_argument("--tokenizer", choices=TOKENIZERS, default="word")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measure_step(options.child)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.tsv"
        write_pairs(path, options.pairs)
        size = path.stat().st_size / 1e6
        for limit in options.in_memory or [None]:
            settings = [*SETTINGS, *TOKENIZERS[options.tokenizer], f"data.path={path}"]
            settings += [f"data.in_memory={limit}"] if limit is not None else []
            command = [sys.executable, __file__, "--child", *settings]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row = {"data.in_memory": limit, "pairs": options.pairs, "file MB": size}
            rows.append({**row, **json.loads(done.stdout.splitlines()[-1])})
            print(json.dumps(rows[-1]), flush=True)
    if options.output:
        command = "python benchmarks/speed/large_data.py " + " ".join(sys.argv[1:])
        values = {"command": command, "machine": platform.machine(), "rows": rows}
        options.output.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
