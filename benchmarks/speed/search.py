"""How many sentences and tokens per second does each system decode, in batches of 64?

python benchmarks/speed/search.py --data data/multi30k --python-joey PATH

Runs greedy search and beam 5. The weights are random, except a few that act as a counter: they make
every output as long as its source (`workers/counter.py`). So all systems generate the same number
of tokens, except in int8, where the counter is inexact: there, compare tokens per second.

"ours", "tflite", "torch" and "joeynmt, by length" get the sources in the order of their length,
"keras" and "joeynmt" in the order of the file. "tflite" runs an exported file in the TFLite
runtime, in batches of 16, 32 or 64 texts. "keras" calls `predict` for every token, like Keras's
tutorial on sequences, but with a batch instead of one sentence; "keras, predict_on_batch" is
faster. Keras's tutorials have no beam search. "floor" computes only the matrix products in float32,
at each step those of the unfinished hypotheses (`workers/floor.py`).
"""

from __future__ import annotations

import sys
from typing import Any

import report
from driver import Contestant, Run, parser, take_turns, versions_of

SORTED, PLAIN = {"batches": "by_length"}, {"batches": "plain"}
BATCH_SIZES = (16, 32, 64)
VARIANTS = [("float32", 32), *(("int8", size) for size in BATCH_SIZES)]
CONTESTANTS = [
    Contestant("ours", "ours", SORTED),
    *(
        Contestant(f"tflite, {name}, batches of {size}", "tflite", {"variant": f"{name}-{size}"})
        for name, size in VARIANTS
    ),
    Contestant("floor", "floor", SORTED),
    Contestant("keras", "keras", {**PLAIN, "by": "predict"}),
    Contestant("keras, predict_on_batch", "keras", {**PLAIN, "by": "predict_on_batch"}),
    Contestant("torch", "torch", SORTED),
    Contestant("joeynmt", "joeynmt", {**PLAIN, "onednn": True}),
    Contestant("joeynmt, no oneDNN", "joeynmt", {**PLAIN, "onednn": False}),
    Contestant("joeynmt, by length", "joeynmt", {**SORTED, "onednn": True}),
    Contestant("joeynmt, by length, no oneDNN", "joeynmt", {**SORTED, "onednn": False}),
]


def measure(run: Run, attention: str, beams: list[int]) -> tuple[dict[str, Any], Any, Any]:
    """Measure all systems with one attention mechanism.

    Return a table per beam width, all replies, and the versions of the systems.
    """
    config = run.config(attention)
    workers = run.start([contestant.worker for contestant in CONTESTANTS], config)
    for name, worker in workers.items():
        if name == "tflite" and "ours" in workers:
            workers["ours"].ask("export", batch_sizes=BATCH_SIZES, beam=max(beams))
        worker.ask("prepare_search")
    limit = 64 if run.options.quick else None
    tables, raw = {}, {}
    for beam in beams:
        present = run.present(CONTESTANTS, workers)
        present = [each for each in present if beam == 1 or each.worker != "keras"]
        if beam not in (1, max(beams)):  # the beam width of a file is fixed
            present = [each for each in present if each.worker != "tflite"]
        if run.options.quick:  # a single batch, so the order does not matter
            present = [each for each in present if "by length" not in each.name]
        replies = take_turns(workers, present, run.rounds, "search", beam=beam, limit=limit)
        check_tokens(replies)
        tables[f"{attention}, beam {beam}"] = table(replies)
        raw[f"{attention}, beam {beam}"] = replies
    versions = versions_of(workers)
    for worker in workers.values():
        worker.close()
    return tables, raw, versions


def table(replies: Any) -> list[dict[str, Any]]:
    """Return sentences and tokens per second."""
    rows = report.rows_of_rates(replies, "sentences")
    for row in rows:
        row["tokens/s"] = report.median_rate(replies[row["system"]], "tokens")
    return rows


def check_tokens(replies: Any) -> None:
    """Warn if the systems generated different numbers of tokens."""
    counts = {name: found[0]["tokens"] for name, found in replies.items()}
    if len(set(counts.values())) > 1:
        print(f"warning: different numbers of tokens: {counts}", file=sys.stderr)


def main() -> None:
    options = parser(__doc__ or "", "ours,tflite,floor,keras,torch,joeynmt", "ours,joeynmt")
    options.add_argument("--beams", default="1,5", help="beam widths, 1 is greedy")
    run = Run.of(options.parse_args(), rounds=5, quick_rounds=1)
    tables, raw, versions = {}, {}, {}
    for attention in run.attentions:
        found = measure(run, attention, [int(beam) for beam in run.options.beams.split(",")])
        for into, new in zip((tables, raw, versions), found, strict=True):
            into.update(new)
    for name, rows in tables.items():
        report.show(f"Search, {name}", rows)
        report.quote_better(rows)
    report.save(run, "search", tables, raw, versions)


if __name__ == "__main__":
    main()
