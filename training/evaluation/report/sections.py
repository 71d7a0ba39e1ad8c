"""The sections of the page, each as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from keras_attention.visualization.notebook.visible_text import shorten_middle, visible

from ...metrics.metric_kinds import Score, format_value
from ..confusions import Confusion
from .analysis import EXACT, MOST_SENTENCES, Analysis
from .charts import bar
from .sentences import sentences, shown

MOST_CONFUSIONS = 20
"""Largest number of rows of a table of confusions."""

_TOKEN_COLUMNS, _EXAMPLE_CHARACTERS = 30, 60

_LISTS = {
    "confident": (
        "Most confident errors",
        "Wrong outputs with the highest confidence. Look here first for wrong references.",
    ),
    "metric": ("Worst {metric}", "Wrong outputs with the worst value of the metric."),
    "unsure": ("Least confident outputs", "The outputs, right or wrong, to check by hand first."),
}


def metrics_section(analysis: Analysis) -> str:
    """Return the metrics, with the number of pairs and the metrics' signatures."""
    count, unseen = analysis.unseen
    head = ["metric", f"all {analysis.evaluation.pairs:,} pairs"]
    head += [f"{count:,} pairs with an unseen source"] if count else []
    rows = [
        [_name(name), str(score), *([str(unseen[name])] if count else [])]
        for name, score in analysis.scores.items()
    ]
    signatures = "".join(
        f"<li>{_name(name)}: <code>{html.escape(score.signature)}</code></li>"
        for name, score in analysis.scores.items()
    )
    about = "<p>An unseen source is not the source of a training pair.</p>" if count else ""
    return (
        f"{table(head, rows)}{about}<details><summary>Signatures</summary>"
        f"<ul>{signatures}</ul></details>"
    )


def confusions_section(analysis: Analysis) -> str:
    """Return the tables of replaced, extra and missing tokens."""
    found = analysis.confusions
    if not found:
        return "<p>No output differs from its reference.</p>"
    groups = {
        "Replaced": [each for each in found if None not in (each.written, each.expected)],
        "Too many": [each for each in found if each.expected is None],
        "Missing": [each for each in found if each.written is None],
    }
    parts = (_confusion_group(analysis, name, rows) for name, rows in groups.items() if rows)
    return (
        "<p>Edits are counted on the alignment of output and reference that needs the fewest "
        f'edits of target tokens.</p><div class="groups">{"".join(parts)}</div>'
    )


def _confusion_group(analysis: Analysis, name: str, found: Sequence[Confusion]) -> str:
    total = sum(each.count for each in found)
    rows = []
    for each in found[:MOST_CONFUSIONS]:
        tokens = [_token(each.written), _token(each.expected)]
        examples = "".join(_example(analysis, place) for place in each.examples)
        folded = f"<details><summary>show {len(each.examples)}</summary>{examples}</details>"
        rows.append([*filter(None, tokens), f"{each.count:,}", folded])
    kinds = count_of(len(found), "different edit")
    heads = {"Replaced": ["written", "expected"], "Too many": ["written"], "Missing": ["expected"]}
    listed = "" if len(found) <= MOST_CONFUSIONS else f", the {MOST_CONFUSIONS} most frequent"
    title = f"<h3>{name} <small>{count_of(total, 'time')}, {kinds}{listed}</small></h3>"
    texts = len(heads[name])
    head = [*heads[name], "count", "examples"]
    return f"<div>{title}{table(head, rows, texts={*range(texts), texts + 1})}</div>"


def _token(token: str | None) -> str:
    if token is None:
        return ""
    return f'<bdi lang="">{html.escape(shorten_middle(visible(token), _TOKEN_COLUMNS))}</bdi>'


def _example(analysis: Analysis, place: int) -> str:
    source, target, output = (
        f'<bdi lang="">{shown(text, _EXAMPLE_CHARACTERS) or "(empty)"}</bdi>'
        for text in analysis.evaluation.outcomes[place]
    )
    return f"<p>{source}: {output}, expected {target}</p>"


def lengths_section(analysis: Analysis) -> str:
    """Return the metrics by source length."""
    first = next(iter(analysis.lengths.values()))
    rows = [
        [
            row.label,
            f"{row.count:,}",
            *_values(analysis, [each[place].values[""] for each in tables]),
        ]
        for tables in [list(analysis.lengths.values())]
        for place, row in enumerate(first)
    ]
    head = ["source tokens", "pairs", *_value_heads(analysis)]
    return table(head, rows)


def frequencies_section(analysis: Analysis) -> str:
    """Return the metrics by the frequency of the rarest source token."""
    found = analysis.frequencies
    if isinstance(found, str):
        return f"<p>Not available: {html.escape(found)}</p>"
    rows = [
        [
            row.label,
            f"{row.count:,}",
            *_values(analysis, list(row.values.values())),
            " ".join(map(_token, row.examples)),
        ]
        for row in found
    ]
    head = ["rarest token occurs", "pairs", *_value_heads(analysis), "examples"]
    return (
        "<p>How often the rarest token of a source occurs in the training sources; 0 means that it "
        f"is unseen.</p>{table(head, rows, texts={0, len(head) - 1})}"
    )


def _value_heads(analysis: Analysis) -> list[str]:
    """Return the names of the columns of `_values`."""
    first, *others = map(_name, analysis.scores)
    return [first, "", *others]


def _values(analysis: Analysis, values: Sequence[float]) -> list[str]:
    """Return the values of all metrics, and a bar for the first one."""
    named = zip(analysis.scores.values(), values, strict=True)
    cells = [format_value(score.name, value) for score, value in named]
    first = next(iter(analysis.scores.values()))
    full = 1.0 if first.name == EXACT else 100.0
    return [cells[0], bar(values[0] / full), *cells[1:]]


def sentences_section(analysis: Analysis) -> str:
    """Return the lists of sentences."""
    parts = []
    metric = _name(next(iter(analysis.scores)))
    for name, (title, about) in _LISTS.items():
        listed = "".join(sentences(analysis, analysis.lists[name]))
        parts.append(
            f"<h3>{title.format(metric=metric)}</h3><p>{about}</p>{listed or '<p>None.</p>'}"
        )
    return (
        f"<p>Each list has at most {MOST_SENTENCES} pairs, and texts are cut after 500 characters. "
        'In outputs, <mark class="wrong">wrong or extra</mark> tokens are marked; in '
        'references, those that were <mark class="expected">expected</mark>.</p>' + "".join(parts)
    )


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: set[int] | None = None
) -> str:
    """Return a table that scrolls if it is too wide.

    Args:
        head: the names of the columns.
        rows: cells of escaped HTML.
        texts: the columns of texts; the others are numbers, aligned at the right. Default: the
            first one.
    """
    kinds = ["text" if n in (texts or {0}) else "number" for n in range(len(head))]

    def cells(tag: str, values: Sequence[str]) -> str:
        pairs = zip(kinds, values, strict=True)
        return "<tr>" + "".join(f'<{tag} class="{k}">{v}</{tag}>' for k, v in pairs) + "</tr>"

    body = "".join(cells("td", row) for row in rows)
    return (
        f'<div class="scroll"><table><thead>{cells("th", head)}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def scores_in(scores: dict[str, Score]) -> list[str]:
    """Return the values of metrics as they are printed."""
    return [str(score) for score in scores.values()]


def _name(metric: str) -> str:
    return metric.replace("_", " ")
