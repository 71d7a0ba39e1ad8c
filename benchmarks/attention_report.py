"""Prints the tables and draws the plots of attention.md, from the results of attention.sh.

python benchmarks/attention_report.py runs

Prints the tables, writes the results of every run into results/attention-GRID.json, and draws
attention-worth.png and attention-lengths.png. Missing grids are skipped.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_attention.files.atomic_writes import write_atomically
from keras_attention.training.compare.comparison_table import EMPTY, as_markdown
from keras_attention.visualization.figure_style import add_legend, line_style, open_up, save_figure
from keras_attention.visualization.fonts import lettering_for

HERE = Path(__file__).parent
PLACES = ("before", "after", "fed")
BASE = "bahdanau before"

Grid = dict[str, dict[str, Any]]
"""The rows of a comparison, by variant."""
Number = Callable[[dict[str, Any]], float | None]
"""A function that reads one number from a row."""


def mean(name: str, scale: float = 1) -> Number:
    """Return a function that computes the mean of a number over seeds."""
    return lambda row: scale * row["mean"][name] if name in row["mean"] else None


def at(length: str, what: str, scale: float = 1) -> Number:
    """Return a function that averages a value at one source length over the seeds."""

    def number(row: dict[str, Any]) -> float | None:
        found = [seed["lengths"].get(length, {}).get(what) for seed in row["seeds"]]
        there = [value for value in found if value is not None]
        return scale * statistics.mean(there) if there else None

    return number


@dataclass(frozen=True)
class Column:
    """A column of a table, with one number from each row of a grid.

    Attributes:
        grid: the name of the grid.
        title: the title of the column.
        number: reads the number from a row.
        best: `max` or `min`, which selects the best number.
    """

    grid: str
    title: str
    number: Number
    best: Callable[[Sequence[float]], float]

    def read(self, grids: Mapping[str, Grid], variant: str) -> float | None:
        """Return the number of a variant, or None if it was not measured."""
        row = grids.get(self.grid, {}).get(variant)
        return self.number(row) if row and row["seeds"] else None

    def cells(self, grids: Mapping[str, Grid], variants: Sequence[str]) -> list[str]:
        """Return the numbers as text, with the best of all variants in bold."""
        known = [self.read(grids, variant) for variant in grids.get(self.grid, {})]
        best = self.best([n for n in known if n is not None] or [0])
        numbers = [self.read(grids, variant) for variant in variants]
        texts = [EMPTY if number is None else f"{number:.1f}" for number in numbers]
        marked = zip(texts, numbers, strict=True)
        return [f"**{text}**" if number == best else text for text, number in marked]


WORTH = (
    Column("dates", "dates, exact match %", mean("value", 100), max),
    Column("dates", "dates, alignment error %", mean("aer", 100), min),
    Column("g2p-fre", "French words, wrong %", mean("value"), min),
    Column("g2p-kor", "Korean words, wrong %", mean("value"), min),
    Column("captions", "captions of up to 10 words, BLEU", at("1–10", "value"), max),
)
LENGTHS = {
    "copy": ("letters copied", ("10", "20", "40")),
    "reverse": ("letters reversed", ("10", "20", "40")),
    "date-sentences": ("sentences with a date", ("10", "20", "40")),
    "captions": ("captions, English to French", ("1–10", "11–20", "21–40")),
}
OF_CAPTIONS = {
    "bahdanau": BASE,
    "luong": "luong general after",
    **{name: f"{name} before" for name in ("local-m", "local-p", "monotonic", "location-aware")},
}
"""The models that are tested by length, with their names in the grid of captions."""
GRIDS = {*LENGTHS, *(column.grid for column in WORTH)}


def read_grids(runs: Path) -> dict[str, Grid]:
    """Read the comparisons in a folder, by name of the grid."""
    paths = {path.parent.name: path for path in sorted(runs.glob("*/comparison.json"))}
    rows = {name: _read(path) for name, path in paths.items() if name in GRIDS}
    return {name: {row["variant"]: row for row in grid} for name, grid in rows.items()}


def keep(runs: Path, name: str, grid: Grid) -> None:
    """Write a grid's results, with their command, commit and versions, into `results`."""
    content = {
        "command": f"benchmarks/attention.sh {name}",
        "commit": (runs / name / "commit").read_text(encoding="utf-8").strip(),
        "versions": _read(next((runs / name).glob("*/versions.json"))),
        "variants": list(grid.values()),
    }
    with write_atomically(HERE / "results" / f"attention-{name}.json") as temporary_path:
        text = json.dumps(content, ensure_ascii=False, indent=1)
        temporary_path.write_text(text + "\n", encoding="utf-8")


def mechanisms(grids: Mapping[str, Grid]) -> list[str]:
    """Return the mechanisms that were tested in every placement, in the order of the grids."""
    variants = [variant for column in WORTH for variant in grids.get(column.grid, {})]
    return list(dict.fromkeys(v.rsplit(" ", 1)[0] for v in variants if v.endswith(PLACES)))


def others(grids: Mapping[str, Grid]) -> list[str]:
    """Return the variants that were tested in a single placement."""
    variants = [variant for column in WORTH for variant in grids.get(column.grid, {})]
    return list(dict.fromkeys(v for v in variants if not v.endswith(PLACES)))


def speed(grids: Mapping[str, Grid], variant: str) -> str:
    """Divide a variant's speed by the median of each grid; return the median of these ratios."""
    rate, ratios = mean("tokens_per_second"), []
    for grid in dict.fromkeys(column.grid for column in WORTH if column.grid in grids):
        own = Column(grid, "", rate, max).read(grids, variant)
        every = [rate(row) for row in grids[grid].values() if row["seeds"]]
        ratios += [own / statistics.median(filter(None, every))] if own else []
    return f"{statistics.median(ratios):.1f}" if ratios else EMPTY


def size(grids: Mapping[str, Grid], variant: str) -> str:
    """Return the number of parameters in the grid of dates."""
    number = Column("dates", "", mean("parameters"), max).read(grids, variant)
    return EMPTY if number is None else f"{number:,.0f}"


def print_table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table as Markdown, below its title."""
    print(f"### {title}\n\n{as_markdown([head, *lines])}")


def print_worth(grids: Mapping[str, Grid]) -> None:
    """Print a table for each measure, with a row per mechanism and a column per placement."""
    names, single = mechanisms(grids), [BASE, *others(grids)]
    of = {name: [f"{name} {place}" for place in PLACES] for name in names}
    columns = [column for column in WORTH if column.grid in grids]
    for column in columns:
        lines = [[name, *column.cells(grids, of[name])] for name in names]
        print_table(column.title, ["mechanism", *PLACES], lines)
    cells = [column.cells(grids, single) for column in columns]
    cells += [[of_variant(grids, name) for name in single] for of_variant in (speed, size)]
    head = ["model", *(column.title for column in columns), "speed", "parameters"]
    print_table("others", head, list(zip(single, *cells, strict=True)))
    for title, cell in (("speed", speed), ("parameters", size)):
        lines = [[name, *(cell(grids, variant) for variant in of[name])] for name in names]
        print_table(title, ["mechanism", *PLACES], lines)


def print_lengths(grids: Mapping[str, Grid], models: Sequence[str]) -> None:
    """Print tables of the metric and the token errors by length, with a row per model."""
    for what, best in (("value", max), ("errors", min)):
        head, cells = ["model"], list[list[str]]()
        for grid, lengths in ((name, known[1]) for name, known in LENGTHS.items() if name in grids):
            scale = 1 if (what, grid) == ("value", "captions") else 100
            for length in lengths:
                head.append(f"{grid}, {length}")
                column = Column(grid, "", at(length, what, scale), best)
                cells.append(column.cells(grids, [_called(grid, model) for model in models]))
        print_table(f"{what} by length", head, list(zip(models, *cells, strict=True)))


def _called(grid: str, model: str) -> str:
    return OF_CAPTIONS.get(model, model) if grid == "captions" else model


def draw_worth(grids: Mapping[str, Grid], path: Path) -> None:
    """Plot a panel for each measure, with a line per mechanism and a marker per placement."""
    columns = [column for column in WORTH if column.grid in grids]
    names, single = mechanisms(grids), others(grids)
    labels = [*names, *single]
    extent = 3 + 2.3 * len(columns), 1.6 + 0.27 * len(labels)
    figure = Figure(figsize=extent, layout="constrained")
    panels = figure.subplots(ncols=len(columns), sharey=True, squeeze=False)[0]
    marks = [(place, [f"{name} {place}" for name in names], 0) for place in PLACES]
    marks.append(("in one place", single, len(names)))
    for axes, column in zip(panels, columns, strict=True):
        for index, (label, variants, first) in enumerate(marks):
            style = {**line_style(index), "linestyle": ""}
            style["label"] = label if axes is panels[0] else "_"
            _mark(axes, [column.read(grids, variant) for variant in variants], first, **style)
        axes.set_title(column.title.replace(", ", "\n"), fontsize=9)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(left=0)
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    add_legend(figure, lettering_for(labels))
    save_figure(figure, path)


def _mark(axes: Axes, numbers: Sequence[float | None], first: int, **style: Any) -> None:
    points = [(number, first + n) for n, number in enumerate(numbers) if number is not None]
    axes.plot([x for x, _ in points], [y for _, y in points], clip_on=False, alpha=0.8, **style)


def draw_lengths(grids: Mapping[str, Grid], models: Sequence[str], path: Path) -> None:
    """Plot token errors by length: a panel per task, a line per model."""
    figure = Figure(figsize=(9.6, 8.2), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for axes, (task, (title, lengths)) in zip(panels, LENGTHS.items(), strict=True):
        for index, model in enumerate(models):
            columns = [Column(task, "", at(length, "errors", 100), min) for length in lengths]
            values = [column.read(grids, _called(task, model)) for column in columns]
            known = [(n, value) for n, value in enumerate(values) if value is not None]
            style = {**line_style(index), "markersize": max(3, 9 - index)}
            style["label"] = model if axes is panels[0] else "_"
            axes.plot([n for n, _ in known], [value for _, value in known], **style)
        axes.set_xticks(range(len(lengths)), lengths)
        axes.set(title=title, xlabel="source tokens", ylabel="token errors, %")
        axes.set_ylim(bottom=0)
        axes.set_visible(task in grids)
        open_up(axes)
    add_legend(figure, lettering_for(models))
    save_figure(figure, path)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    """Print, save and plot the available results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder with the runs of attention.sh")
    runs = parser.parse_args().runs
    grids = read_grids(runs)
    if not grids:
        parser.error(f"{runs} has no folder with a comparison.json; run attention.sh first.")
    for name, grid in grids.items():
        keep(runs, name, grid)
    if any(column.grid in grids for column in WORTH):
        print_worth(grids)
        draw_worth(grids, HERE / "attention-worth.png")
    made = [grid for grid in LENGTHS if grid in grids and grid != "captions"]
    if made:
        models = list(grids[made[0]])
        print_lengths(grids, models)
        draw_lengths(grids, models, HERE / "attention-lengths.png")


if __name__ == "__main__":
    main()
