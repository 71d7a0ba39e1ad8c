"""The table of a comparison: a row a variant, its seeds together; as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from keras_attention.alignment.links import HIGH_ERROR
from keras_attention.files.text_files import write_atomically

from ..metrics.metric_kinds import ExactMatch
from .comparison import Result, Run, other_data, read_result

EMPTY = "–"


@dataclass(frozen=True)
class Spread:
    """One number of several seeds.

    Example:
        >>> spread = Spread((0.5, 0.75))
        >>> spread.mean, spread.low, spread.high, spread.format(100, 1, "%")
        (0.625, 0.5, 0.75, '62.5% (50.0–75.0)')
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of all seeds."""
        return mean(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    @property
    def deviation(self) -> float:
        """The sample's standard deviation; 0 of one value."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    def format(self, scale: float = 1, digits: int = 2, unit: str = "") -> str:
        """The mean and, of several seeds, the least and the largest value; scaled."""
        middle, low, high = (f"{scale * x:,.{digits}f}" for x in (self.mean, self.low, self.high))
        return f"{middle}{unit}" + (f" ({low}–{high})" if len(self.values) > 1 else "")


@dataclass(frozen=True)
class Row:
    """A variant's runs together; `None` where no run has the number.

    Attributes:
        label: the variant's, marked if the runs are of other data.
        runs: how many were planned.
        results: what came of those that have ended.
    """

    label: str
    runs: int
    results: tuple[Result, ...]

    def spread(self, name: str) -> Spread | None:
        """Of an attribute of `Result`, of `aer`, `precision` or `recall`, or of a length."""
        return _spread([_number(result, name) for result in self.results])

    def at_length(self, name: str, what: str = "value") -> Spread | None:
        """Of the metric at a length, or of `errors`."""
        return _spread([result.lengths.get(name, {}).get(what) for result in self.results])


def make_rows(runs: Sequence[Run]) -> list[Row]:
    """A row a variant, in the order of the runs; runs of other data have a marked row of their own.

    Raises:
        InputError: if a result's file is damaged.
    """
    labelled: dict[str, list[Run]] = {}
    for run in runs:
        label = run.label + (" (other data)" if other_data(run) else "")
        labelled.setdefault(label, []).append(run)
    rows = []
    for label, of_row in labelled.items():
        results = [result for result in map(read_result, of_row) if result is not None]
        rows.append(Row(label, len(of_row), tuple(results)))
    return rows


def format_tables(rows: Sequence[Row], lengths: Sequence[str] = ()) -> list[list[list[str]]]:
    """The table as text, the head first; with lengths, two more: the metric and errors at these.

    Args:
        rows: as `make_rows` made them.
        lengths: names of lengths, a column each.
    """
    metric = metric_of(rows)
    unfinished = any(len(row.results) < row.runs for row in rows)
    head = ["variant", *(["runs"] if unfinished else []), metric, "alignment error"]
    head += ["target tokens/s", "parameters", "minutes"]
    tables = [[head, *(_cells(row, metric, unfinished) for row in rows)]]
    if lengths:
        tables += [_of_lengths(rows, lengths, "value", metric, metric)]
        tables += [_of_lengths(rows, lengths, "errors", "token errors", ExactMatch.name)]
    return tables


def save_table(rows: Sequence[Row], folder: Path, lengths: Sequence[str] = ()) -> list[Path]:
    """Writes `comparison.json`, `.csv` and `.md`, each complete or not at all.

    Returns:
        Their paths.
    """
    texts = {
        "json": json.dumps([_as_json(row) for row in rows], ensure_ascii=False, indent=2) + "\n",
        "csv": _as_csv(rows, lengths),
        "md": "\n".join(map(as_markdown, format_tables(rows, lengths))),
    }
    paths = []
    for suffix, text in texts.items():
        path = folder / f"comparison.{suffix}"
        with write_atomically(path) as temporary_path:
            temporary_path.write_text(text, encoding="utf-8", newline="")
        paths.append(path)
    return paths


def poorly_aligned(rows: Sequence[Row]) -> list[str]:
    """The variants whose weights do not align well, by the mean of their seeds."""
    errors = {row.label: row.spread("aer") for row in rows}
    return [label for label, error in errors.items() if error and error.mean > HIGH_ERROR]


def format_metric(metric: str, spread: Spread | None) -> str:
    """A metric as papers print it, with its spread."""
    if spread is None:
        return EMPTY
    return spread.format(100, unit="%") if metric == ExactMatch.name else spread.format()


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """A table of texts, the head first, as Markdown."""
    head, *rows = table
    marks = ["---", *["---:"] * (len(head) - 1)]
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, marks, *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(row: Row, metric: str, unfinished: bool) -> list[str]:
    aer, speed, minutes, size = map(
        row.spread, ("aer", "tokens_per_second", "minutes", "parameters")
    )
    return [
        row.label,
        *([f"{len(row.results)} of {row.runs}"] if unfinished else []),
        format_metric(metric, row.spread("value")),
        aer.format(100, 1, "%") if aer else EMPTY,
        f"{speed.mean:,.0f}" if speed else EMPTY,
        f"{size.mean:,.0f}" if size else EMPTY,
        f"{minutes.mean:.1f}" if minutes else EMPTY,
    ]


def _of_lengths(
    rows: Sequence[Row], lengths: Sequence[str], what: str, called: str, metric: str
) -> list[list[str]]:
    cells = [
        [row.label, *(format_metric(metric, row.at_length(name, what)) for name in lengths)]
        for row in rows
    ]
    return [["variant", *(f"{called} at {name}" for name in lengths)], *cells]


def _as_json(row: Row) -> dict[str, Any]:
    seeds = [
        {key: value for key, value in asdict(result).items() if key != "recipe"}
        for result in row.results
    ]
    means = {name: spread.mean for name in _NUMBERS if (spread := row.spread(name))}
    return {"variant": row.label, "runs": row.runs, "mean": means, "seeds": seeds}


def _as_csv(rows: Sequence[Row], lengths: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spreads = ["mean", "low", "high", "deviation"]
    metric = metric_of(rows)
    head = [f"{metric}_{name}" for name in spreads]
    head += [*_NUMBERS[1:], *(f"{metric}_at_{name}" for name in lengths)]
    head += [f"errors_at_{name}" for name in lengths]
    writer.writerow(["variant", "runs", *head])
    for row in rows:
        value = row.spread("value")
        numbers = [getattr(value, name) if value else "" for name in spreads]
        others = [*map(row.spread, _NUMBERS[1:]), *map(row.at_length, lengths)]
        others += [row.at_length(name, "errors") for name in lengths]
        numbers += [spread.mean if spread else "" for spread in others]
        writer.writerow([row.label, len(row.results), *numbers])
    return text.getvalue()


_NUMBERS = ("value", "aer", "precision", "recall", "tokens_per_second", "parameters", "minutes")


def _number(result: Result, name: str) -> float | None:
    if name in ("aer", "precision", "recall"):
        return (result.alignment or {}).get(name)
    number: float | None = getattr(result, name)
    return number


def _spread(values: Sequence[float | None]) -> Spread | None:
    there = tuple(value for value in values if value is not None)
    return Spread(there) if there else None


def metric_of(rows: Sequence[Row]) -> str:
    """The name of what the runs were judged by."""
    names = {result.metric: None for row in rows for result in row.results}
    return next(iter(names), "metric")
