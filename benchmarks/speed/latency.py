"""How long does greedy search take for a single sentence?

python benchmarks/speed/latency.py --data data/multi30k --python-joey PATH

Prints the median and the 95th percentile over all sentences and rounds, from ids to ids. "ours" is
float32 through TensorFlow; "tflite" is the exported file in the TFLite runtime, in float32 and in
dynamic int8. Keras searches with `predict_on_batch`; `search.py` shows how much time `predict`
adds. Outputs are as long as their sources, as in `search.py`. With int8 the counter of tokens is
inexact, so compare milliseconds per token too.
"""

from __future__ import annotations

import statistics
from typing import Any

import report
from driver import Contestant, Run, parser, take_turns, versions_of

CONTESTANTS = [
    Contestant("ours", "ours"),
    Contestant("tflite, float32", "tflite", {"variant": "float32"}),
    Contestant("tflite, dynamic int8", "tflite", {"variant": "int8"}),
    Contestant("floor", "floor"),
    Contestant("keras, predict_on_batch", "keras", {"by": "predict_on_batch"}),
    Contestant("torch", "torch"),
    Contestant("joeynmt", "joeynmt", {"onednn": True}),
    Contestant("joeynmt, no oneDNN", "joeynmt", {"onednn": False}),
]


def measure(run: Run, attention: str, count: int) -> tuple[list[dict[str, Any]], Any, Any]:
    """Return the table of one attention, all replies and the systems' versions."""
    config = run.config(attention)
    workers = run.start([contestant.worker for contestant in CONTESTANTS], config)
    for name, worker in workers.items():
        if name == "tflite" and "ours" in workers:
            workers["ours"].ask("export")
        worker.ask("prepare_search")
    present = [contestant for contestant in CONTESTANTS if contestant.worker in workers]
    replies = take_turns(workers, present, run.rounds, "latency", count=count)
    versions = versions_of(workers)
    for worker in workers.values():
        worker.close()
    return table(replies), replies, versions


def table(replies: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return milliseconds per sentence, also as shares of Joey NMT's better setting."""
    seconds = {
        name: {
            clock: [value for reply in found for value in reply[f"{clock}s"]]
            for clock in ("wall", "cpu")
        }
        for name, found in replies.items()
    }
    medians = {
        name: {clock: statistics.median(values) for clock, values in both.items()}
        for name, both in seconds.items()
    }
    joey = [both for name, both in medians.items() if name.startswith("joeynmt")]
    rows = []
    for name, found in replies.items():
        row: dict[str, Any] = {"system": name}
        for clock, values in seconds[name].items():
            row[f"median ms, {clock}"] = 1e3 * medians[name][clock]
            row[f"95th percentile ms, {clock}"] = 1e3 * report.percentile(values, 0.95)
            if joey:
                least = min(both[clock] for both in joey)
                row[f"share of joeynmt, {clock}"] = medians[name][clock] / least
            if "floor" in medians and name != "floor":
                row[f"floor's share, {clock}"] = medians["floor"][clock] / medians[name][clock]
        tokens = sum(reply["tokens"] for reply in found)
        row["tokens"] = tokens
        row["ms a token, wall"] = 1e3 * sum(seconds[name]["wall"]) / tokens
        rows.append(row)
    return rows


def main() -> None:
    options = parser(__doc__ or "", "ours,tflite,floor,keras,torch,joeynmt", "ours,tflite,joeynmt")
    options.add_argument("--count", type=int, help="sentences per round")
    run = Run.of(options.parse_args(), rounds=4, quick_rounds=1)
    count = run.options.count or (2 if run.options.tiny else 8 if run.options.quick else 50)
    tables, raw, versions = {}, {}, {}
    for attention in run.attentions:
        tables[attention], raw[attention], found = measure(run, attention, count)
        versions |= found
        report.show(f"One sentence at a time, {attention}", tables[attention])
    report.save(run, "latency", tables, raw, versions)


if __name__ == "__main__":
    main()
