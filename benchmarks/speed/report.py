"""Computes medians and ratios, prints tables, and writes JSON with machine and versions."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from driver import HERE, Reply, Run
from rich.console import Console
from rich.table import Table

RESULTS = HERE.parent / "results"
_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "sve",
    "bf16",
)
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def rates(replies: Sequence[Reply], count: str) -> dict[str, list[float]]:
    """Return `count` per second of wall time and of CPU time, for each round."""
    return {clock: [reply[count] / reply[clock] for reply in replies] for clock in ("wall", "cpu")}


def rows_of_rates(
    replies: Mapping[str, Sequence[Reply]], count: str, ours: str = "ours", floor: str = "floor"
) -> list[dict[str, Any]]:
    """Return a row per system: its rate, two ratios of rates, and the spread of its rounds.

    The ratios are its rate divided by the rate of `floor`, the bare matrix products, and the
    speedup of `ours` over it.
    """
    measured = {name: rates(found, count) for name, found in replies.items()}
    rows = []
    for name, rate in measured.items():
        row: dict[str, Any] = {"system": name}
        for clock, unit in (("wall", "/s"), ("cpu", "/cpu-s")):
            row[f"{count}{unit}"] = statistics.median(rate[clock])
            for other, what in ((floor, "share of floor"), (ours, "ours over it")):
                if other in measured and name != other:
                    row[f"{what}, {clock}"] = ratio(
                        *((rate, measured[other]) if other == floor else (measured[other], rate)),
                        clock,
                    )
        row["spread, wall"] = max(rate["wall"]) / min(rate["wall"])
        for work in ("gflop", "gflop_per_s"):
            if work in replies[name][0]:
                row[work] = statistics.median(reply[work] for reply in replies[name])
        rows.append(row)
    return rows


def quote_better(rows: Sequence[Mapping[str, Any]], off: str = ", no oneDNN") -> None:
    """Print our speedup over the faster run of each peer that ran with and without oneDNN."""
    ratios = {row["system"]: row.get("ours over it, wall") for row in rows}
    for name in ratios:
        if name + off in ratios and ratios[name] is not None:
            speedup = min(ratios[name], ratios[name + off])
            print(f"ours is {speedup:.2f} x as fast as the better run of {name}")


def median_rate(replies: Sequence[Reply], count: str) -> float:
    """Return the median over rounds of `count` per second of wall time."""
    return statistics.median(rates(replies, count)["wall"])


def ratio(one: Mapping[str, list[float]], other: Mapping[str, list[float]], clock: str) -> float:
    """Return the median over rounds of the ratio of two rates in the same round."""
    return statistics.median(a / b for a, b in zip(one[clock], other[clock], strict=True))


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value such that at least a share of the values (0 to 1) is not larger."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; a row may lack columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(_cell(row.get(name, "")) for name in names))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def save(
    run: Run, question: str, tables: Mapping[str, Any], raw: Any, versions: Mapping[str, str]
) -> None:
    """Write the JSON file; a tiny run writes one only with `--output`."""
    options = run.options
    if options.output is None and options.tiny:
        return
    name = f"{question}-quick.json" if options.quick or options.tiny else f"{question}.json"
    path = options.output or RESULTS / name
    content = {
        "question": question,
        "date": date.today().isoformat(),
        "command": command(),
        "commit": commit(),
        "machine": {**machine(options.threads), "instructions allowed": options.isa},
        "versions": {**own_versions(), **versions},
        "rounds": run.rounds,
        "tables": tables,
        "raw": raw,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compact(content) + "\n", encoding="utf-8")
    print(f"Wrote {os.path.relpath(path)}")


def compact(value: Any, margin: str = "") -> str:
    """Return JSON with flat lists and objects on one line each, and floats of six digits."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, float):
        return json.dumps(float(f"{value:.6g}"))
    if not isinstance(value, (dict, list, tuple)):
        return json.dumps(value)
    deeper = margin + " "
    texts = [compact(each, deeper) for each in inner]
    if isinstance(value, dict):
        texts = [f"{json.dumps(str(key))}: {text}" for key, text in zip(value, texts, strict=True)]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    if not any(isinstance(each, (dict, list, tuple)) for each in inner):
        return f"{opened}{', '.join(texts)}{closed}"
    return f"{opened}\n" + ",\n".join(deeper + t for t in texts) + f"\n{margin}{closed}"


def command() -> str:
    """Return the command line without the folders of this machine."""
    words = [os.path.relpath(sys.argv[0]), *sys.argv[1:]]
    return shlex.join(["python", *(re.sub(r"(^|=)/(?:[^/]+/)*", r"\1.../", w) for w in words)])


def commit() -> str:
    """Return the commit, with a note if files other than results differ from it."""
    try:
        where = {"cwd": HERE, "capture_output": True, "text": True, "check": True}
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **where).stdout.strip()
        matter = ["--", ":(top)", ":(top,exclude)benchmarks/results"]
        status = ["git", "status", "--short", "-uno", *matter]
        changed = subprocess.run(status, **where).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + (" with changes" if changed else "")


def machine(threads: int) -> dict[str, Any]:
    """Return the processor, the cores used, the instruction sets and the load."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"model name\s*: (.+)", text)
    flags = re.search(r"(?:flags|Features)\s*: (.+)", text)
    known = set(flags.group(1).split()) if flags else set()
    return {
        "cpu": model.group(1) if model else platform.processor() or platform.machine(),
        "cores used": threads,
        "cores": os.cpu_count(),
        "instructions": [name for name in _INSTRUCTIONS if name in known],
        "system": f"{platform.system()} {platform.machine()}",
        "load average at the end": [round(load, 2) for load in os.getloadavg()],
    }


def computes_in_bfloat16(isa: str = "all") -> bool:
    """Return whether this processor multiplies in bfloat16 with the instructions `isa` allows."""
    return isa in ("all", "bf16") and bool(_BFLOAT16 & set(machine(1)["instructions"]))


def own_versions() -> dict[str, str]:
    """Return the versions of the packages that the library uses."""
    found = {"python": platform.python_version()}
    for name in ("tensorflow", "keras", "ai-edge-litert", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
