"""How much faster is training in bfloat16 than in float32, by width and recipe?

python benchmarks/speed/training_precision.py
python benchmarks/speed/training_precision.py --model "dates units=512 embedding=256" --rounds 9

Each row is a recipe with settings. One process has the recipe's model in both precisions and trains
the two in turns on the same batches, on one core. The first rounds are not counted, because they
trace the graphs. The ratio is tokens per second in bfloat16 divided by those in float32, by wall
time and by CPU time; it is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import report

MODELS = (
    "dates",
    "g2p",
    "dates units=256 embedding=128",
    "g2p units=512 attention_units=256 embedding=256",
    "dates units=512 embedding=256",
)
PRECISIONS = ("float32", "bfloat16")
WARM_UP = 2


def measure(model: str, folder: str, steps: int, rounds: int) -> dict[str, Any]:
    """Return the rates and ratios of one recipe, in this process."""
    from keras_attention.training.prepare import prepare
    from keras_attention.training.recipe.recipe import load_recipe

    name, *settings = model.split()
    settings += [f"folder={folder}"] if name == "g2p" else []
    trained = {}
    for precision in PRECISIONS:
        prepared = prepare(load_recipe(name, [*settings, f"precision={precision}"]))
        network = prepared.translator.single_model
        network.make_train_function()
        trained[precision] = network, list(islice(prepared.batches.stream(), steps))
    tokens = sum(int((target.numpy() != 0).sum()) for _, target in trained["float32"][1])
    clocks = {"wall": time.perf_counter, "cpu": time.process_time}
    found: list[dict[str, dict[str, float]]] = []
    for number in range(WARM_UP + rounds):
        turn = PRECISIONS if number % 2 else PRECISIONS[::-1]
        now: dict[str, dict[str, float]] = {}
        for precision in turn:
            network, batches = trained[precision]
            begun = {key: clock() for key, clock in clocks.items()}
            stream = iter(batches)
            for _ in batches:
                logs = network.train_function(stream)
            float(logs["loss"])  # waits for the last step
            now[precision] = {key: tokens / (clocks[key]() - begun[key]) for key in clocks}
        found.append(now)
    found = found[WARM_UP:]
    ratios = {
        key: statistics.median(now["bfloat16"][key] / now["float32"][key] for now in found)
        for key in clocks
    }
    return {"model": model, "tokens": tokens, "ratio": ratios, "rounds": found}


def main() -> None:
    """Measure each model in its own process, and print a row for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="a recipe and settings; repeatable")
    parser.add_argument("--folder", default="data/g2p", help="the folder of g2p's data")
    parser.add_argument("--steps", type=int, default=30, help="batches of a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    models = options.model or MODELS
    if options.here:
        print(json.dumps(measure(models[0], options.folder, options.steps, options.rounds)))
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    rows = []
    print("| model | bfloat16 over float32, wall | cpu |\n|---|---|---|")
    for model in models:
        words = [sys.executable, __file__, "--here", "--model", model, "--folder", options.folder]
        words += ["--steps", str(options.steps), "--rounds", str(options.rounds)]
        reply = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        rows.append(json.loads(reply.stdout.splitlines()[-1]))
        ratio = rows[-1]["ratio"]
        print(f"| {model} | {ratio['wall']:.2f} | {ratio['cpu']:.2f} |", flush=True)
        if options.output:
            save(options.output, rows)


def save(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows with machine, versions, commit and command."""
    content = {
        "question": "training precision",
        "date": date.today().isoformat(),
        "command": report.command(),
        "commit": report.commit(),
        "machine": report.machine(1),
        "versions": report.own_versions(),
        "models": rows,
    }
    path.write_text(report.compact(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
