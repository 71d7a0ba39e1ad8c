"""How much memory does training need, and how long do the first batches take?

python benchmarks/speed/memory.py --data data/multi30k --python-joey PATH

Each system runs alone and trains on the batches of `training.py`. The start is the time from the
command until the model is built. The first step includes tracing or compiling. The table shows the
peak of resident memory.
"""

from __future__ import annotations

from typing import Any

import report
from driver import Run, Worker, parser, versions_of

REQUESTS = {
    "ours": {},
    "keras": {"batches": "plain"},
    "torch": {"batches": "bucketed"},
    "joeynmt": {"batches": "plain"},
}


def row_of(name: str, worker: Worker, steps: int) -> dict[str, Any]:
    """Measure the start, the first steps and the memory of one system."""
    worker.ask("prepare_training")
    first = worker.ask("train", first=0, steps=1, **REQUESTS[name])
    second = worker.ask("train", first=1, steps=1, **REQUESTS[name])
    later = worker.ask("train", first=2, steps=steps, **REQUESTS[name])
    peak = worker.ask("memory")["peak_mib"]
    return {
        "system": name,
        "parameters": worker.ready["parameters"],
        "start s, wall": worker.ready["wall"],
        "start s, cpu": worker.ready["cpu"],
        "first step s, wall": first["wall"],
        "first step s, cpu": first["cpu"],
        "second step s, wall": second["wall"],
        "later steps s, wall": later["wall"] / steps,
        "MiB at start": worker.ready["peak_mib"],
        "MiB at most": peak,
    }


def main() -> None:
    options = parser(__doc__ or "", "ours,keras,torch,joeynmt", "ours")
    options.add_argument("--steps", type=int, help="batches after the first two")
    run = Run.of(options.parse_args(), rounds=1)
    steps = run.options.steps or (2 if run.options.tiny else 4 if run.options.quick else 40)
    tables: dict[str, Any] = {}
    versions: dict[str, str] = {}
    for attention in run.attentions:
        config = run.config(attention, batches=steps + 2)
        rows = tables[attention] = []
        for name in run.systems:
            worker = run.start([name], config)[name]
            rows.append(row_of(name, worker, steps))
            versions |= versions_of({name: worker})
            worker.close()
        report.show(f"Memory and start of training, {attention}", rows)
    report.save(run, "memory", tables, {}, versions)


if __name__ == "__main__":
    main()
