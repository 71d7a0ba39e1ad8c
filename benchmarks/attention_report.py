"""The tables and pictures of attention.md, from what the grids of attention.sh have saved.

python benchmarks/attention_report.py runs

Prints the tables, copies each grid's comparison.json to results/attention-GRID.json, and draws
attention-worth.png and attention-lengths.png; a grid that is not there is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_attention.figures import add_legend, line_style, open_up, save_figure
from keras_attention.files import write_atomically
from keras_attention.fonts import lettering_for

HERE = Path(__file__).parent
PLACES = ("before", "after", "fed")
EMPTY = "–"

Row = dict[str, Any]
Grid = dict[str, Row]
"""The rows of a comparison by their variant."""


class Column:
    """A number of a grid's rows, and how it is written.

    Args:
        grid: the grid's name.
        title: what the number is.
        number: takes it from a row; `None` where there is none.
        form: the format of a number.
        best: `max`, `min`, or `None` where none is marked.
    """

    def __init__(
        self,
        grid: str,
        title: str,
        number: Callable[[Row], float | None],
        form: str,
        best: Callable[..., float] | None = None,
    ) -> None:
        self.grid, self.title, self.number, self.form, self.best = grid, title, number, form, best

    def read(self, grids: Mapping[str, Grid], variant: str) -> float | None:
        """The number of a variant, if it was measured."""
        row = grids.get(self.grid, {}).get(variant)
        return None if row is None or not row["seeds"] else self.number(row)


def mean(name: str, scale: float = 1) -> Callable[[Row], float | None]:
    """The mean over seeds."""
    return lambda row: scale * row["mean"][name] if name in row["mean"] else None


def at(length: str, what: str, scale: float = 1) -> Callable[[Row], float | None]:
    """The mean of what a test at a length has found."""

    def number(row: Row) -> float | None:
        found = [seed["lengths"].get(length, {}).get(what) for seed in row["seeds"]]
        there = [value for value in found if value is not None]
        return scale * statistics.mean(there) if there else None

    return number


WORTH = (
    Column("dates", "dates, exact match %", mean("value", 100), ".1f", max),
    Column("dates", "dates, alignment error %", mean("aer", 100), ".1f", min),
    Column("g2p-fre", "French words, wrong %", mean("value"), ".1f", min),
    Column("g2p-kor", "Korean words, wrong %", mean("value"), ".1f", min),
    Column("captions", "captions of up to 10 words, BLEU", at("1–10", "value"), ".1f", max),
)
LENGTHS = {
    "copy": ("letters copied", ("10", "20", "40")),
    "reverse": ("letters reversed", ("10", "20", "40")),
    "date-sentences": ("sentences with a date", ("10", "20", "40")),
    "captions": ("captions, English to French", ("1–10", "11–20", "21–40")),
}
OF_CAPTIONS = {
    "bahdanau": "bahdanau before",
    "luong": "luong general after",
    **{name: f"{name} before" for name in ("local-m", "local-p", "monotonic", "location-aware")},
}
"""What the models of the other grids of lengths are called in the grid of captions."""


def read_grids(runs: Path) -> dict[str, Grid]:
    """The comparisons under a folder, by the grid's name."""
    grids = {}
    for path in sorted(runs.glob("*/comparison.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))
        grids[path.parent.name] = {row["variant"]: row for row in rows}
    return grids


def keep(grids: Mapping[str, Grid]) -> None:
    """Writes what was measured beside the other results."""
    for name, grid in grids.items():
        with write_atomically(HERE / "results" / f"attention-{name}.json") as beside:
            text = json.dumps(list(grid.values()), ensure_ascii=False, indent=1)
            beside.write_text(text + "\n", encoding="utf-8")


def mechanisms(grids: Mapping[str, Grid]) -> list[str]:
    """The mechanisms that were placed, in the order of the grids."""
    names = {
        variant.rsplit(" ", 1)[0]: None
        for grid in grids.values()
        for variant in grid
        if variant.endswith(PLACES) and " " in variant
    }
    return list(names)


def others(grids: Mapping[str, Grid]) -> list[str]:
    """What stands beside them, in one place only."""
    placed = {f"{name} {place}" for name in mechanisms(grids) for place in PLACES}
    found = {variant: None for column in WORTH for variant in grids.get(column.grid, {})}
    return [variant for variant in found if variant not in placed]


def speeds(grids: Mapping[str, Grid], variant: str) -> float | None:
    """Target tokens a second, as many times as `bahdanau before`: the median over the grids."""
    ratios = []
    for name in dict.fromkeys(column.grid for column in WORTH):
        column = Column(name, "", mean("tokens_per_second"), "")
        ours, theirs = (column.read(grids, each) for each in (variant, "bahdanau before"))
        if ours and theirs:
            ratios.append(ours / theirs)
    return statistics.median(ratios) if ratios else None


def print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """As Markdown."""
    for line in (head, ["---", *["---:"] * (len(head) - 1)], *lines):
        print(f"| {' | '.join(line)} |")
    print()


def cells(column: Column, grids: Mapping[str, Grid], variants: Sequence[str]) -> list[str]:
    """A column's numbers as text, the best one in bold."""
    numbers = [column.read(grids, variant) for variant in variants]
    there = [number for number in numbers if number is not None]
    best = column.best(there) if column.best and there else None
    texts = [EMPTY if number is None else format(number, column.form) for number in numbers]
    return [
        f"**{text}**" if number is not None and number == best else text
        for number, text in zip(numbers, texts, strict=True)
    ]


def print_worth(grids: Mapping[str, Grid]) -> None:
    """A table for each number, a line a mechanism and a column a place; then what has one place."""
    names = mechanisms(grids)
    for column in (column for column in WORTH if column.grid in grids):
        print(f"### {column.title}\n")
        flat = cells(column, grids, [f"{name} {place}" for name in names for place in PLACES])
        lines = [[name, *flat[3 * n : 3 * n + 3]] for n, name in enumerate(names)]
        print_table(["mechanism", *PLACES], lines)
    print("### Others\n")
    variants = ["bahdanau before", *others(grids)]
    columns = [cells(column, grids, variants) for column in WORTH]
    print_table(
        ["model", *(column.title for column in WORTH)],
        [[*line] for line in zip(variants, *columns, strict=True)],
    )
    print("### Speed and size\n")
    size = Column("dates", "", mean("parameters"), ",.0f")
    rows = [[f"{name} {place}" for place in PLACES] for name in names]
    lines = [
        [
            name,
            *(_ratio(speeds(grids, variant)) for variant in row),
            *cells(size, grids, row),
        ]
        for name, row in zip(names, rows, strict=True)
    ]
    lines += [
        [name, _ratio(speeds(grids, name)), "", "", *cells(size, grids, [name]), "", ""]
        for name in others(grids)
    ]
    head = [f"{what} {place}" for what in ("speed", "parameters") for place in PLACES]
    print_table(["mechanism", *head], lines)


def _ratio(number: float | None) -> str:
    return EMPTY if number is None else f"{number:.2f}"


def print_lengths(grids: Mapping[str, Grid]) -> None:
    """Token errors at each length, a line a model."""
    models = list(grids.get("copy", {}))
    for what, form, scale in (("errors", ".1f", 100), ("value", ".1f", 1)):
        head, columns = ["model"], []
        for grid, (_, lengths) in LENGTHS.items():
            if grid not in grids:
                continue
            names = [_called(grid, model) for model in models]
            factor = 100 if what == "value" and grid != "captions" else scale
            for length in lengths:
                head.append(f"{grid} {length}")
                columns.append(
                    cells(Column(grid, "", at(length, what, factor), form), grids, names)
                )
        print(f"### By length: {what}\n")
        print_table(head, [list(line) for line in zip(models, *columns, strict=True)])


def _called(grid: str, model: str) -> str:
    return OF_CAPTIONS.get(model, model) if grid == "captions" else model


def draw_worth(grids: Mapping[str, Grid], path: Path) -> None:
    """A panel a number, a line a mechanism, a mark for each place."""
    columns = [column for column in WORTH if column.grid in grids]
    names, single = mechanisms(grids), others(grids)
    labels = [*names, *single]
    size = 3 + 2.3 * len(columns), 1.6 + 0.27 * len(labels)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(ncols=len(columns), sharey=True, squeeze=False)[0]
    for axes, column in zip(panels, columns, strict=True):
        for index, place in enumerate(PLACES):
            variants = [f"{name} {place}" for name in names]
            label = place if axes is panels[0] else "_"
            style = {**line_style(index), "linestyle": "", "label": label}
            _mark(axes, column, grids, variants, 0, **style)
        style = {"color": "0.3", "marker": "x", "linestyle": ""}
        label = "in one place" if axes is panels[0] else "_"
        _mark(axes, column, grids, single, len(names), label=label, **style)
        axes.set_title(column.title.replace(", ", "\n"), fontsize=9)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(left=0)
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    add_legend(figure, lettering_for(labels))
    save_figure(figure, path)


def _mark(
    axes: Axes,
    column: Column,
    grids: Mapping[str, Grid],
    variants: Sequence[str],
    first: int,
    **style: Any,
) -> None:
    numbers = [column.read(grids, variant) for variant in variants]
    points = [(n, first + place) for place, n in enumerate(numbers) if n is not None]
    axes.plot([x for x, _ in points], [y for _, y in points], clip_on=False, alpha=0.8, **style)


def draw_lengths(grids: Mapping[str, Grid], path: Path) -> None:
    """A panel a task: token errors over the length, a line a model."""
    tasks = [name for name in LENGTHS if name in grids]
    models = list(grids.get("copy", {}))
    figure = Figure(figsize=(9.6, 8.2), layout="constrained")
    panels = figure.subplots(2, 2, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        title, lengths = LENGTHS[task]
        for index, model in enumerate(models):
            columns = [Column(task, "", at(length, "errors", 100), "") for length in lengths]
            values = [column.read(grids, _called(task, model)) for column in columns]
            if None in values:
                continue
            style = {**line_style(index), "markersize": max(3, 9 - index)}
            label = model if task == tasks[0] else "_"
            axes.plot(range(len(lengths)), values, label=label, clip_on=False, **style)
        axes.set_xticks(range(len(lengths)), lengths)
        axes.set(title=title, xlabel="source tokens", ylabel="token errors, %", ylim=(0, 100))
        open_up(axes)
    for axes in panels[len(tasks) :]:
        axes.set_visible(False)
    add_legend(figure, lettering_for(models))
    save_figure(figure, path)


def main() -> None:
    """Prints, keeps and draws what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="the folder of attention.sh")
    grids = read_grids(parser.parse_args().runs)
    if not grids:
        parser.error("no comparison.json stands in a folder there; attention.sh makes them.")
    keep(grids)
    print_worth(grids)
    draw_worth(grids, HERE / "attention-worth.png")
    if "copy" in grids:
        print_lengths(grids)
        draw_lengths(grids, HERE / "attention-lengths.png")


if __name__ == "__main__":
    main()
