"""The sentences on the page: source, output and reference with differences, and the alignment."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from itertools import groupby

from keras_attention.translation.result import Translation
from keras_attention.visualization.notebook.visible_text import visible

from ...metrics.metric_kinds import format_value
from ..confusions import Step
from .analysis import Analysis
from .heat_map import MOST_TOKENS, heat_map
from .token_form import TokenForm

MOST_CHARACTERS = 500
"""Longer sources, outputs and references are cut off."""


def sentence(analysis: Analysis, place: int) -> str:
    """Return the HTML of the sentence at an index: texts with marks, figures and alignment."""
    form, metric = analysis.question.target, next(iter(analysis.scores))
    steps = analysis.alignments[place]
    right = analysis.calibration.right[place]
    value = format_value(metric, analysis.line_scores[place])
    figures = [
        f"confidence {analysis.confidence[place]:.2%}",
        f"{metric.replace('_', ' ')} {value}",
        "right" if right else f"{analysis.edits[place]:.0%} of tokens edited",
    ]
    lines = [
        f"<h4>Pair {place + 1} <small>{' · '.join(figures)}</small></h4>",
        text_line("source", shown(analysis.evaluation.sources[place])),
        text_line("output", marked(steps, form, written=True)),
    ]
    if not right:
        lines.append(text_line("reference", marked(steps, form, written=False)))
    lines.append(_alignment(analysis.evaluation.translations[place]))
    return f"<article>{''.join(lines)}</article>"


def text_line(name: str, content: str) -> str:
    """Return a line with a name and a text that is already escaped."""
    text = f'<bdi lang="">{content or "(empty)"}</bdi>'
    return f'<p class="text"><span class="name">{name}</span> {text}</p>'


def shown(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return an escaped text in which invisible characters are visible, cut off if it is long."""
    cut = text if len(text) <= most else text[:most] + "…"
    return html.escape(visible(cut, space=" "))


def marked(steps: Iterable[Step], form: TokenForm, *, written: bool) -> str:
    """Return the escaped text of an output or its reference, with the tokens that differ marked.

    `written` selects the output.

    Example:
        >>> steps = [Step("a", "a"), Step("b", "c"), Step(None, "d")]
        >>> marked(steps, TokenForm(), written=False)
        'a <mark class="expected">c d</mark>'
    """
    name = "wrong" if written else "expected"
    tokens = [
        (token, step.is_edit)
        for step in steps
        if (token := step.written if written else step.expected) is not None
    ]
    runs, room = [], MOST_CHARACTERS
    for differs, run in groupby(tokens, key=lambda item: item[1]):
        text = form.written([token for token, _ in run])
        space = "␣" if differs and text.isspace() else " "
        content = html.escape(visible(text[:room], space))
        runs.append(f'<mark class="{name}">{content}</mark>' if differs else content)
        room -= len(text)
        if room < 0:
            runs.append("…")
            break
    return form.separator.join(runs)


def _alignment(translation: Translation) -> str:
    sources, best = translation.source_tokens, translation.best
    if not best.alignment.any():
        return ""
    note = ""
    if max(len(sources), len(best.tokens)) > MOST_TOKENS:
        note = f"<p>The picture shows the first {MOST_TOKENS} tokens of each side.</p>"
    picture = heat_map(sources, best.tokens, best.alignment)
    return (
        "<details><summary>Alignment</summary>"
        f'<div class="scroll" tabindex="0">{picture}</div>{note}</details>'
    )


def sentences(analysis: Analysis, places: Iterable[int]) -> Iterator[str]:
    """Yield the HTML of the sentences at some indices."""
    return (sentence(analysis, place) for place in places)
