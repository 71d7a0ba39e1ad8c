"""How fast are the parts that this library reimplements, compared with Keras's own?

python benchmarks/speed/parts.py

Measures these parts one by one: the loss and its gradient, the most likely tokens of a search,
Adam's update, the accuracy, a layer normalisation, and an LSTM. The last two include their
gradients. The two implementations take turns in one process. The inputs are random; the sizes are
those of the other scripts, with beam 5.
"""

from __future__ import annotations

import statistics
from typing import Any

import report
from driver import FULL, TINY, Contestant, Reply, Run, Worker, parser, take_turns, versions_of

SIZES = {"positions": 900, "rows": 320, "steps": 15}
SMALL = {"positions": 12, "rows": 4, "steps": 3}
PARTS: dict[str, dict[str, Any]] = {
    "cross-entropy": {"part": "crossentropy", "smoothing": 0.0},
    "cross-entropy, label smoothing 0.1": {"part": "crossentropy", "smoothing": 0.1},
    "accuracy": {"part": "accuracy"},
    "5 most likely tokens": {"part": "top_tokens"},
    "Adam's update": {"part": "adam"},
    "layer normalisation": {"part": "layer_norm"},
    "LSTM of the encoder, one way": {"part": "lstm", "units": "half"},
    "LSTM of the decoder": {"part": "lstm", "units": "whole"},
}
WAYS = [Contestant(how, "parts", {"how": how}) for how in ("ours", "keras")]


def row_of(name: str, replies: dict[str, list[Reply]]) -> dict[str, Any]:
    """Return the milliseconds of both implementations, and the speedup of ours."""
    row: dict[str, Any] = {"part": name}
    for clock in ("wall", "cpu"):
        seconds = {how: [reply[clock] for reply in found] for how, found in replies.items()}
        for how, found in seconds.items():
            row[f"{how} ms, {clock}"] = 1e3 * statistics.median(found)
        pairs = zip(seconds["ours"], seconds["keras"], strict=True)
        row[f"ours over keras, {clock}"] = statistics.median(b / a for a, b in pairs)
    return row


def main() -> None:
    options = parser(__doc__ or "", "parts")
    options.add_argument("--times", type=int, default=10, help="calls per round")
    run = Run.of(options.parse_args(), rounds=9, quick_rounds=3)
    tiny = run.options.tiny
    config = {**(TINY if tiny else FULL), **(SMALL if tiny else SIZES), "attention": "luong"}
    worker = Worker("parts", run.options.pythons["parts"], config, run.options.threads)
    rows, raw = [], {}
    for name, asked in PARTS.items():
        if "units" in asked:
            width = config["units"] // 2 if asked["units"] == "half" else config["units"]
            asked = {**asked, "units": width}
        arguments = {**asked, "times": run.options.times}
        raw[name] = take_turns({"parts": worker}, WAYS, run.rounds, "time", **arguments)
        rows.append(row_of(name, raw[name]))
    sizes = {**config, **worker.ask("weights")}
    worker.close()
    report.show("Parts", rows)
    report.save(run, "parts", {"parts": rows, "sizes": [sizes]}, raw, versions_of({"": worker}))


if __name__ == "__main__":
    main()
