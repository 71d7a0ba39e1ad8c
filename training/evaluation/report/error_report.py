"""The page of `evaluate --report`: a model's errors as one HTML file that needs no network."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from string import Template

from keras_attention.visualization.html_page import digest_of, page_part, page_style

from .analysis import Analysis
from .confidence_sections import calibration_section, rejection_section
from .sections import (
    confusions_section,
    frequencies_section,
    lengths_section,
    metrics_section,
    sentences_section,
)

_POLICY = "default-src 'none'; style-src '{style}'; base-uri 'none'; form-action 'none'"

_SECTIONS = {
    "metrics": ("Metrics", metrics_section),
    "rejection": ("Which outputs a person should check", rejection_section),
    "calibration": ("Calibration", calibration_section),
    "confusions": ("Confusions of tokens", confusions_section),
    "lengths": ("Errors by length", lengths_section),
    "frequencies": ("Errors by frequency", frequencies_section),
    "sentences": ("Sentences", sentences_section),
}


def write_error_report(
    analysis: Analysis, path: Path, title: str, about: Mapping[str, str]
) -> None:
    """Write the page of an analysis.

    It is one HTML file without scripts, and its security policy forbids all network access. It
    lists a limited number of confusions and sentences, so that its size does not depend on the
    number of pairs.
    """
    style = page_style(__file__)
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in about.items()
    )
    links = "".join(
        f'<li><a href="#{name}">{each}</a></li>' for name, (each, _) in _SECTIONS.items()
    )
    sections = "".join(
        f'<section id="{name}"><h2>{each}</h2>{write(analysis)}</section>'
        for name, (each, write) in _SECTIONS.items()
    )
    page = Template(page_part(__file__, "html")).substitute(
        title=html.escape(title),
        policy=_POLICY.format(style=digest_of(style)),
        style=style,
        facts=facts,
        links=links,
        sections=sections,
    )
    path.write_bytes(page.encode("utf-8", "replace"))
