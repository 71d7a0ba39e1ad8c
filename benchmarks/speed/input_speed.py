"""How much of its speed does training lose to reading the batches?

python benchmarks/speed/input_speed.py --pairs 1000000 --units 64 256 --rounds 7

The same model trains on the same batches from three places: from the store on the disk, from ids in
memory, and from a list of finished batches. The list is the floor: it costs nothing to read. The
three take turns, and every round trains on the same batches. The first batches of a turn are not
timed, because the pipeline prepares some while nothing trains. "loss %" is the time that a step
needs in addition to that of the floor, as the median over the rounds. "first batch s" is the time
until the first batch of an epoch, which includes the shuffle. It occurs once per epoch.

The pairs are those of `large_data.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import report
from driver import CORES, Run
from large_data import SETTINGS, TOKENIZERS, write_pairs

WARM_UP = 1
"""Rounds that are not counted; the first one traces the training step."""

UNTIMED = 10
"""Batches at the beginning of each turn that are not timed."""

PLACES = "store", "memory", "list"
FLOOR = "list"


def measure(folder: Path, units: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train a model from the three places in turns, in this process."""
    from keras_attention.training.batches.recipe_batches import training_batches
    from keras_attention.training.data.data_store import DataStore
    from keras_attention.training.prepare import prepare
    from keras_attention.training.recipe.recipe import load_recipe

    settings = [*SETTINGS, *TOKENIZERS[options.tokenizer], f"data.path={folder / 'pairs.tsv'}"]
    settings += ["data.in_memory=0", f"model.units={units}", f"model.embedding={units}"]
    recipe = load_recipe("copy", settings)
    prepared = prepare(recipe, store=DataStore(folder / "pairs.store"))
    held = training_batches(recipe, prepared.start.codec, list(prepared.start.training))
    count = UNTIMED + options.steps
    ready = list(islice(held.stream(), count))
    places = dict(zip(PLACES, (prepared.batches.stream, held.stream, lambda: ready), strict=True))
    model = prepared.translator.single_model
    model.make_train_function()
    found: list[dict[str, dict[str, float]]] = []
    for number in range(WARM_UP + options.rounds):
        turn = PLACES[number % 3 :] + PLACES[: number % 3]
        found.append({name: time_steps(model, places[name], count) for name in turn})
    return {"units": units, "batches": prepared.batches.steps_per_epoch, "rounds": found[WARM_UP:]}


def time_steps(model: Any, batches: Any, count: int) -> dict[str, float]:
    """Return the seconds until the first batch, and the seconds of a step after the first ones."""
    begun = time.perf_counter()
    stream = iter(batches())
    first = next(stream)
    opened = time.perf_counter() - begun
    train(model, iter([first]), 1)
    train(model, stream, UNTIMED - 1)
    begun = time.perf_counter()
    train(model, stream, count - UNTIMED)
    return {"first batch s": opened, "step": (time.perf_counter() - begun) / (count - UNTIMED)}


def train(model: Any, stream: Iterator[Any], steps: int) -> None:
    """Train some steps and wait for the last."""
    for _ in range(steps):
        logs = model.train_function(stream)
    float(logs["loss"])


def rows_of(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each place, with medians over the rounds."""
    rounds, rows = measured["rounds"], []
    for place in PLACES:
        steps = [each[place]["step"] for each in rounds]
        lost = [each[place]["step"] / each[FLOOR]["step"] - 1 for each in rounds]
        rows.append(
            {
                "units": measured["units"],
                "batches from": place,
                "steps/s": statistics.median(1 / step for step in steps),
                "loss %": 100 * statistics.median(lost),
                "first batch s": statistics.median(each[place]["first batch s"] for each in rounds),
                "spread": max(steps) / min(steps),
            }
        )
    return rows


def main() -> None:
    """Measure each width in its own process, and print a row for each place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--tokenizer", choices=TOKENIZERS, default="word")
    parser.add_argument("--units", nargs="*", default=["64", "256"])
    parser.add_argument("--steps", type=int, default=200, help="timed steps of a turn")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to write the files")
    parser.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.units[0], options)))
        return
    found = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        write_pairs(Path(folder, "pairs.tsv"), options.pairs)
        for units in options.units:
            words = [sys.executable, __file__, "--child", folder, "--units", units]
            for name in ("tokenizer", "steps", "rounds"):
                words += [f"--{name}", str(getattr(options, name))]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    rows = [row for measured in found for row in rows_of(measured)]
    report.show(f"{options.pairs:,} pairs", rows)
    options.isa, options.quick, options.tiny = "all", False, options.pairs < 100_000
    options.threads = len(CORES)
    report.save(Run(options, options.rounds, [], []), "input_speed", {"rows": rows}, found, {})


if __name__ == "__main__":
    main()
