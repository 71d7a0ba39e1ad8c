"""Runs six scripts with --quick, one after the other, and measures their time.

python benchmarks/speed/quick.py --data data/multi30k --python-joey PATH

Passes its arguments on to every script. The time to prepare the data is not measured.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import Any

import report
from driver import HERE, Run, parser

SCRIPTS = ("training", "search", "latency", "memory", "start", "growth")


def main() -> None:
    options = parser(__doc__ or "", "ours")
    words = sys.argv[1:]
    run = Run.of(options.parse_args(["--quick", *words]), rounds=1)
    run.config(run.attentions[0])
    rows: list[dict[str, Any]] = []
    for script in SCRIPTS:
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, str(HERE / f"{script}.py"), "--quick", *words]
        done = subprocess.run(command, stderr=subprocess.DEVNULL)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rows.append({"script": script, "wall s": wall, "cpu s": cpu, "exit": done.returncode})
    sums = {clock: sum(row[clock] for row in rows) for clock in ("wall s", "cpu s")}
    rows.append({"script": "all", **sums})
    report.show("Quick runs", rows)
    report.save(run, "all", {"quick": rows}, {}, {})
    sys.exit(any(row.get("exit") for row in rows))


if __name__ == "__main__":
    main()
