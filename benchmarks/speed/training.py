"""How many target tokens per second does each system train on, without padding?

python benchmarks/speed/training.py --data data/multi30k --python-joey PATH

All systems train on the same pairs in batches of 64. "ours", "torch" and "joeynmt, bucketed" get
the same batches of similar lengths; "keras" and "joeynmt" get the same pairs in random order,
padded to the longest of a batch. The floor is the time of the matrix products alone, which
`workers/floor.py` lists. Joey NMT runs with and without oneDNN; ratios use the faster run.

On a processor that computes in bfloat16, "ours" and "torch" also train in it: ours with
`training.precision = "bfloat16"`, PyTorch with autocast. Weights are float32 in both.
"""

from __future__ import annotations

from typing import Any

import report
from driver import Contestant, Run, parser, take_turns, versions_of

PRECISIONS = "float32", "bfloat16"
BUCKETED, PLAIN = {"batches": "bucketed"}, {"batches": "plain"}
CONTESTANTS = [
    Contestant("ours", "ours"),
    Contestant("ours, bfloat16", "ours", {"precision": "bfloat16"}),
    Contestant("floor", "floor", BUCKETED),
    Contestant("keras", "keras", PLAIN),
    Contestant("torch", "torch", BUCKETED),
    Contestant("torch, bfloat16", "torch", {**BUCKETED, "precision": "bfloat16"}),
    Contestant("joeynmt", "joeynmt", {**PLAIN, "onednn": True}),
    Contestant("joeynmt, no oneDNN", "joeynmt", {**PLAIN, "onednn": False}),
    Contestant("joeynmt, bucketed", "joeynmt", {**BUCKETED, "onednn": True}),
    Contestant("joeynmt, bucketed, no oneDNN", "joeynmt", {**BUCKETED, "onednn": False}),
]


def measure(run: Run, attention: str, steps: int) -> tuple[list[dict[str, Any]], Any, Any]:
    """Return the table of one attention, all replies and the versions of the systems."""
    config = run.config(attention, batches=(run.rounds + 1) * steps)
    workers = run.start([contestant.worker for contestant in CONTESTANTS], config)
    low = report.computes_in_bfloat16(run.options.isa)
    contestants = [each for each in CONTESTANTS if low or "precision" not in each.extra]
    present = run.present(contestants, workers)
    for name, worker in workers.items():
        precisions = {"precisions": PRECISIONS} if low and name == "ours" else {}
        worker.ask("prepare_training", **precisions)
    replies = take_turns(workers, present, run.rounds, "train", steps=steps)
    versions = versions_of(workers)
    for worker in workers.values():
        worker.close()
    return report.rows_of_rates(replies, "tokens"), replies, versions


def main() -> None:
    options = parser(__doc__ or "", "ours,floor,keras,torch,joeynmt", "ours,floor,joeynmt")
    options.add_argument("--steps", type=int, help="batches per round")
    run = Run.of(options.parse_args(), rounds=5, quick_rounds=1)
    steps = run.options.steps or (2 if run.options.tiny or run.options.quick else 16)
    tables, raw, versions = {}, {}, {}
    for attention in run.attentions:
        rows, raw[attention], found = measure(run, attention, steps)
        tables[attention] = rows
        versions |= found
        report.show(f"Training, {attention}", rows)
        report.quote_better(rows)
    report.save(run, "training", tables, raw, versions)


if __name__ == "__main__":
    main()
