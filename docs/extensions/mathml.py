"""Write math as MathML, which browsers display without a script or a network."""

import shutil
from pathlib import Path

import matplotlib
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")
"""A font with a MATH table, for systems without such a font; site.css refers to it."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_write_inline, None), (_write_block, None))
    app.connect("build-finished", _copy_font)
    return {"parallel_read_safe": True}


def _write_inline(writer, node: nodes.math) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _write_block(writer, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def _copy_font(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        shutil.copyfile(FONT, Path(app.outdir, "_static", "math.ttf"))
