"""Measure how fast each library multiplies matrices: per data type and instruction set.

The rates explain why ratios between libraries differ between processors: most of the time of a step
is in matrix products, and the libraries use different instructions for them.
"""

from __future__ import annotations

import statistics
import sys

from driver import ISAS, Run, Worker, parser, restrict
from report import save, show

NATIVE = ("bf16", "all")
"""The limits under which bfloat16 is measured. TensorFlow 2.21 crashes in a bfloat16 product if the
limit forbids the processor's bfloat16 instructions."""


def main() -> None:
    """Measure, print and save."""
    run = Run.of(parser(__doc__ or "", "tensorflow,torch").parse_args(), rounds=5)
    raw, versions, rows = {}, {}, []
    for isa in [run.options.isa] if run.options.isa != "all" else [*ISAS, "all"]:
        restrict(isa)
        for library in run.systems:
            python = run.options.pythons.get(library, sys.executable)
            config = {"library": library, "threads": run.options.threads}
            worker = Worker("rates", python, config, run.options.threads)
            versions |= worker.ready["versions"]
            row = {"instructions": isa, "library": library}
            for dtype in ("float32", "bfloat16") if isa in NATIVE else ("float32",):
                replies = [worker.ask("multiply", dtype=dtype) for _ in range(run.rounds + 1)]
                found = raw[f"{isa}, {library}, {dtype}"] = [r["gflops"] for r in replies[1:]]
                row[f"{dtype} GFLOP/s"] = statistics.median(found)
            worker.close()
            rows.append(row)
    show("Products of 2048 x 2048 matrices", rows)
    save(run, "rates", {"products": rows}, raw, versions)


if __name__ == "__main__":
    main()
