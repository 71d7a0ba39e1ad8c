"""Which operations take the time of a training step and of a step of beam search?

python benchmarks/speed/where_time_goes.py --data data/multi30k
python benchmarks/speed/where_time_goes.py --precision bfloat16 --output profile-bfloat16.json

Uses TensorFlow's profiler on the batches of `training.py` and the sources of `search.py`. A row
shows the time per step of one kind of operation, without the operations nested in it. The last row
is the time in which no operation runs: between operations, in Python, and in the stream of batches.
The numbers come from the round that other processes disturbed least: the one whose wall time is
closest to its CPU time. The profiler itself takes some time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import report
from driver import Reply, Run, parser, versions_of

MOST = 12


def rows_of(reply: Reply, steps: int) -> list[dict[str, Any]]:
    """Return a row per kind of operation, slowest first, then the rest and the gaps."""
    kinds, counts = dict(reply["kinds"]), reply["counts"]
    ordered = sorted(kinds, key=kinds.__getitem__, reverse=True)
    named = {kind: [kind] for kind in ordered[:MOST]}
    named["other operations"] = ordered[MOST:]
    rows = [
        (name, sum(kinds[kind] for kind in group), sum(counts[kind] for kind in group))
        for name, group in named.items()
    ]
    rest = reply["wall"] - sum(kinds.values())
    return [
        {
            "operation": name,
            "ms a step": 1e3 * seconds / steps,
            "share": seconds / reply["wall"],
            "calls a step": count / steps,
        }
        for name, seconds, count in [*rows, ("no operation", rest, 0)]
    ]


def summary(reply: Reply, steps: int) -> dict[str, Any]:
    """Return milliseconds per step, and the share of all matrix products."""
    products = sum(seconds for kind, seconds in reply["kinds"].items() if "MatMul" in kind)
    return {
        "steps": steps,
        "ms a step": 1e3 * reply["wall"] / steps,
        "ms a step, cpu": 1e3 * reply["cpu"] / steps,
        "share of matrix products": products / reply["wall"],
    }


def steps_of_search(lengths: list[int], batch: int) -> int:
    """Return the total steps of all batches; a batch has as many steps as its longest source."""
    return sum(max(lengths[i : i + batch]) for i in range(0, len(lengths), batch))


def least_disturbed(replies: Iterable[Reply]) -> Reply:
    """Return the reply with the smallest ratio of wall time to CPU time."""
    return min(replies, key=lambda reply: reply["wall"] / reply["cpu"])


def measure(run: Run, attention: str, steps: int, limit: int) -> tuple[dict[str, Any], Any, Any]:
    """Return a mechanism's tables of training and search, their raw numbers, and the versions."""
    config = run.config(attention, batches=(run.rounds + 2) * steps)
    worker = run.start(["profiled"], config)["profiled"]
    precision = run.options.precision
    worker.ask("prepare_training", precisions=[precision])
    worker.ask("train", first=0, steps=2 * steps, precision=precision)
    request = {"request": "train", "steps": steps, "precision": precision}
    trained = least_disturbed(
        worker.ask("profile", first=(number + 2) * steps, **request) for number in range(run.rounds)
    )
    worker.ask("prepare_search")
    worker.ask("search", beam=5, limit=limit)
    searched = least_disturbed(
        worker.ask("profile", request="search", beam=5, limit=limit) for _ in range(run.rounds)
    )
    lengths = sorted(worker.ask("lengths", limit=limit)["lengths"])
    worker.close()
    tables, raw = {}, {}
    searching = steps_of_search(lengths, config["search_batch"])
    for what, reply, count in (("training", trained, steps), ("beam 5", searched, searching)):
        tables[f"{attention}, {what}"] = rows_of(reply, count)
        raw[f"{attention}, {what}"] = {**summary(reply, count), "kinds": reply["kinds"]}
    return tables, raw, versions_of({"": worker})


def main() -> None:
    options = parser(__doc__ or "", "profiled")
    options.add_argument("--steps", type=int, help="batches of training")
    options.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="number format of training; search is always float32; default float32",
    )
    run = Run.of(options.parse_args(), rounds=4, quick_rounds=1)
    small = run.options.tiny or run.options.quick
    steps, limit = run.options.steps or (2 if small else 8), 64 if small else 256
    tables, raw, versions = {}, {}, {}
    for attention in run.attentions:
        found = measure(run, attention, steps, limit)
        for into, new in zip((tables, raw, versions), found, strict=True):
            into.update(new)
    for name, rows in tables.items():
        report.show(f"{name}: {raw[name]['ms a step']:.1f} ms a step", rows)
    report.save(run, "profile", tables, raw, versions)


if __name__ == "__main__":
    main()
