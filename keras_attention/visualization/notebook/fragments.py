"""Results as small HTML fragments for notebooks: no script, no style sheet, no network.

Text keeps the notebook's colours, and cells are tinted with a transparent colour, so that a
fragment can be read on a light and on a dark background.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from math import exp

import numpy as np
import numpy.typing as npt

from keras_attention.visualization.notebook.visible_text import shorten_middle, visible

MOST_TOKENS = 60  # rows and columns of the largest table; notebooks store every fragment
_MOST_LISTED = 10  # hypotheses
_LABEL_COLUMNS = 24
TINT = "47 127 209"
STRONGEST = 0.6  # opacity of the tint; more would make text hard to read on some background
_DIV = '<div lang="" style="overflow-x:auto;max-width:100%">'
_TABLE = '<table style="border-collapse:collapse;font-size:.85em;margin:.4em 0">'
_ROW = '<tr style="background:none">'
_HEADER = "font-weight:normal;padding:.1em .3em;white-space:nowrap;background:none;text-align:"
_CELL = "min-width:1.5em;height:1.5em;padding:0 .3em;border:1px solid rgb(128 128 128 / .35)"


def alignment_fragment(
    source: str,
    hypotheses: Sequence[tuple[str, float | None]],
    source_tokens: Sequence[str],
    tokens: Sequence[str],
    weights: npt.ArrayLike,
) -> str:
    """Return the HTML of a source, its hypotheses with scores, and the alignment of the best.

    Args:
        source: the source text.
        hypotheses: text and score of each hypothesis, best first; None for no score.
        source_tokens: the `S` tokens of the source.
        tokens: the `T` tokens of the best hypothesis.
        weights: the alignment `[T, S]` of the best hypothesis; each weight is shown on hover.
    """
    lines = [_line("source", source)]
    for text, score in hypotheses[:_MOST_LISTED]:
        lines.append(_line("target", text, "" if score is None else _score(score)))
    if not hypotheses:
        lines.append("<p>no hypothesis</p>")
    if len(hypotheses) > _MOST_LISTED:
        lines.append(f"<p>… and {len(hypotheses) - _MOST_LISTED} more hypotheses</p>")
    array = np.nan_to_num(np.asarray(weights, float))
    if array.shape == (len(tokens), len(source_tokens)) and array.any():
        lines.append(_heat_map(source_tokens, tokens, array))
    return _fragment(lines)


def pair_score_fragment(
    source: str,
    target: str,
    score: float,
    tokens: Sequence[str],
    log_probabilities: Sequence[float],
) -> str:
    """Return the HTML of a source, a scored target and the log-probability of each token."""
    heads, cells = [], []
    for token, value in list(zip(tokens, log_probabilities, strict=True))[:MOST_TOKENS]:
        share, label = exp(min(value, 0.0)), _label(token)
        heads.append(_header(token, "col", "center"))
        hover = f"{label}: probability {share:.2%}"
        cells.append(_cell(hover, share / 2, _number(value, 2)))
    table = f"{_TABLE}{_ROW}{''.join(heads)}</tr>{_ROW}{''.join(cells)}</tr></table>"
    lines = [_line("source", source), _line("target", target, _score(score)), table]
    return _fragment([*lines, *_rest(len(tokens))])


def _heat_map(
    sources: Sequence[str], targets: Sequence[str], weights: npt.NDArray[np.float64]
) -> str:
    """Return a table with a row per target token and a column per source token."""
    shown_sources, shown_targets = sources[:MOST_TOKENS], targets[:MOST_TOKENS]
    upright = any(len(_label(token)) > 2 for token in shown_sources[:-1])
    heads = [_header(token, "col", "center", upright) for token in shown_sources]
    rows = [f"{_ROW}<td></td>{''.join(heads)}</tr>"]
    for target, shares in zip(shown_targets, weights, strict=False):
        cells = [
            _cell(f"{_label(target)} ← {_label(source)}: {share:.0%}", float(share))
            for source, share in zip(shown_sources, shares, strict=False)
        ]
        rows.append(f"{_ROW}{_header(target, 'row', 'right')}{''.join(cells)}</tr>")
    return f"{_TABLE}{''.join(rows)}</table>" + "".join(_rest(len(sources), len(targets)))


def _fragment(lines: Iterable[str]) -> str:
    return f"{_DIV}{''.join(lines)}</div>"


def _line(name: str, text: str, note: str = "") -> str:
    shown = html.escape(visible(text, space=" ")) or "(empty)"
    note = f' <small style="opacity:.75">{note}</small>' if note else ""
    style = "margin:.1em 0;text-align:start"
    name = f'<small style="opacity:.75">{name}</small>'
    return f'<p style="{style}">{name} <bdi>{shown}</bdi>{note}</p>'


def _header(token: str, scope: str, side: str, upright: bool = False) -> str:
    turned = ";writing-mode:vertical-rl;vertical-align:bottom" if upright else ""
    label = html.escape(_label(token))
    return f'<th scope="{scope}" style="{_HEADER}{side}{turned}"><bdi>{label}</bdi></th>'


def _cell(hover: str, share: float, text: str = "") -> str:
    tint = f"background:rgb({TINT} / {STRONGEST * min(max(share, 0.0), 1.0):.3g})"
    return f'<td title="{html.escape(hover)}" style="{_CELL};{tint}">{text}</td>'


def _label(token: str) -> str:
    return shorten_middle(visible(token), _LABEL_COLUMNS)


def _rest(*counts: int) -> list[str]:
    """Return a note if a table does not show all tokens."""
    if max(counts) <= MOST_TOKENS:
        return []
    return [f"<p>The table shows the first {MOST_TOKENS} tokens.</p>"]


def _score(score: float) -> str:
    return f"log-probability {_number(score, 4)}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
