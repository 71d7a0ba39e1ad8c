"""The table of a comparison, with a row per variant, as text, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from keras_attention.alignment.links import HIGH_ERROR
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import format_json

from ..metrics.metric_kinds import ExactMatch
from .comparison import Result, Run, other_data, read_result

EMPTY = "–"


@dataclass(frozen=True)
class Spread:
    """The values of one number over several seeds.

    Example:
        >>> spread = Spread((0.5, 0.75))
        >>> spread.mean, spread.low, spread.high, spread.format(100, 1, "%")
        (0.625, 0.5, 0.75, '62.5% (50.0–75.0)')
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return mean(self.values)

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def deviation(self) -> float:
        """The sample standard deviation; 0 for a single value."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    def format(self, scale: float = 1, digits: int = 2, unit: str = "") -> str:
        """Return the mean as text, followed by the range if there are several values."""
        middle, low, high = (f"{scale * x:,.{digits}f}" for x in (self.mean, self.low, self.high))
        return f"{middle}{unit}" + (f" ({low}–{high})" if len(self.values) > 1 else "")


@dataclass(frozen=True)
class Row:
    """The runs of a variant.

    Attributes:
        label: the label of the variant, marked if the data has changed since its runs.
        runs: number of planned runs.
        results: the results of the finished runs.
    """

    label: str
    runs: int
    results: tuple[Result, ...]

    def spread(self, name: str) -> Spread | None:
        """Return the values of a number over the seeds; None if no run has it.

        Args:
            name: an attribute of `Result`, or `aer`, `precision` or `recall`.
        """
        return _spread([_number(result, name) for result in self.results])

    def at_length(self, name: str, what: str = "value") -> Spread | None:
        """Return the values of the metric, or of `errors`, at a source length; None if unknown."""
        return _spread([result.lengths.get(name, {}).get(what) for result in self.results])


def make_rows(runs: Sequence[Run]) -> list[Row]:
    """Return a row per variant; runs whose data has changed have a separate, marked row."""
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
    """Return the table as text cells, with a header row.

    With lengths, return two more tables: the metric and the token errors at each length.
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
    """Write `comparison.json`, `.csv` and `.md`, each completely or not at all."""
    contents = {
        "json": format_json([_as_json(row) for row in rows]),
        "csv": _as_csv(rows, lengths).encode(),
        "md": "\n".join(map(as_markdown, format_tables(rows, lengths))).encode(),
    }
    paths = {folder / f"comparison.{suffix}": content for suffix, content in contents.items()}
    for path, content in paths.items():
        write_file(path, content)
    return list(paths)


def poorly_aligned(rows: Sequence[Row]) -> list[str]:
    """Return the variants whose mean alignment error rate is too high."""
    errors = {row.label: row.spread("aer") for row in rows}
    return [label for label, error in errors.items() if error and error.mean > HIGH_ERROR]


def format_metric(metric: str, spread: Spread | None) -> str:
    """Return the mean of a metric as papers print it, followed by its range."""
    if spread is None:
        return EMPTY
    return spread.format(100, unit="%") if metric == ExactMatch.name else spread.format()


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table of texts, with a header row, as Markdown."""
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
    """Return the name of the metric of the runs."""
    names = {result.metric: None for row in rows for result in row.results}
    return next(iter(names), "metric")
