"""Alignments as an interactive HTML page: a single file that needs no network."""

from __future__ import annotations

import html
import json
import math
import os
import re
from collections.abc import Iterable
from string import Template
from typing import Any

import numpy as np

from keras_attention.errors import check_positive
from keras_attention.files.atomic_writes import write_file
from keras_attention.translation.result import Hypothesis, Translation
from keras_attention.visualization.html_page import check_page, digest_of, page_part, page_style
from keras_attention.visualization.notebook.visible_text import visible

_POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; "
    "base-uri 'none'; form-action 'none'"
)
_ESCAPED = re.compile("[<\ud800-\udfff]")  # `<` could end the element; UTF-8 has no surrogates


def write_alignment_page(
    translations: Iterable[Translation],
    path: str | os.PathLike[str],
    *,
    title: str = "Alignments",
    nbest: int | None = None,
) -> None:
    """Write an HTML page that shows which source tokens each target token attends to.

    The page is one HTML file with a list of sentences, which you can search. If you point at a
    token, or focus it with the keyboard, the page highlights the tokens that it attends to, or the
    tokens that attend to it, with their weights. The hypotheses of a source are side by side, each
    with a table of its weights. The page works offline, and its security policy forbids all network
    access. Invisible characters are shown as in `plot_alignment`.

    Args:
        translations: the translations, as a `Translator` returns them.
        path: the file to write, whose name ends in `.html` or `.htm`.
        title: the title of the page.
        nbest: largest number of hypotheses of each source. Default: all.

    Raises:
        InputError: if `path` has a different suffix or cannot be written.
        ValueError: if `nbest` is not positive, or an alignment is not `[T, S]`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> best = Hypothesis("b", -0.1, ("b", "</s>"), np.eye(2, dtype="float32"))
        >>> path = Path(tempfile.mkdtemp()) / "page.html"
        >>> write_alignment_page([Translation("a", ("a", "</s>"), (best,))], path, title="a & b")
        >>> "<title>a &amp; b</title>" in path.read_text(encoding="utf-8")
        True
    """
    check_page(path)
    check_positive(nbest=1 if nbest is None else nbest)
    sentences = [_sentence(translation, nbest) for translation in translations]
    write_file(path, _page(title, {"sentences": sentences}).encode("utf-8", "replace"))


def _page(title: str, data: dict[str, Any]) -> str:
    script, style = page_part(__file__, "js"), page_style(__file__)
    return Template(page_part(__file__, "html")).substitute(
        title=html.escape(title),
        policy=_POLICY.format(script=digest_of(script), style=digest_of(style)),
        style=style,
        script=script,
        data=_embedded(data),
    )


def _embedded(data: dict[str, Any]) -> str:
    """Return JSON for a `<script>` element, escaped so that it contains no tag."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _sentence(translation: Translation, nbest: int | None) -> dict[str, Any]:
    hypotheses = translation.hypotheses[:nbest]
    return {
        "source": translation.source,
        "tokens": list(map(visible, translation.source_tokens)),
        "hypotheses": [_hypothesis(each, len(translation.source_tokens)) for each in hypotheses],
    }


def _hypothesis(hypothesis: Hypothesis, sources: int) -> dict[str, Any]:
    """Return a hypothesis as JSON values; the weights are integers in thousandths."""
    weights = np.nan_to_num(np.asarray(hypothesis.alignment, float))
    expected = len(hypothesis.tokens), sources
    if weights.shape != expected:
        raise ValueError(
            f"an alignment must have a row for each of {expected[0]} target tokens and a column "
            f"for each of {expected[1]} source tokens. Received: shape {weights.shape}."
        )
    return {
        "text": hypothesis.text,
        "score": round(hypothesis.score, 4) if math.isfinite(hypothesis.score) else None,
        "tokens": list(map(visible, hypothesis.tokens)),
        "weights": np.rint(1000 * weights).astype(int).tolist(),
    }
