"""Draw the pictures of attention.md: all, or only the given names, such as "scores learnt dates".

Most pictures show variables of attention.md, whose code runs first. `dates` trains six small
models, which takes about four minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import schemes
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from keras_attention.visualization.figure_style import (
    LINE_COLOURS,
    add_colour_bar,
    add_legend,
    draw_weights,
    line_style,
    open_up,
    save_figure,
)
from keras_attention.visualization.fonts import lettering_for

HERE = Path(__file__).parent
Page = Mapping[str, Any]
Draw = Callable[[Page], Figure]


def run_page() -> Page:
    """Run the code of the page and return its variables."""
    page: dict[str, Any] = {}
    text = (HERE / "attention.md").read_text(encoding="utf-8")
    for example in doctest.DocTestParser().get_examples(text):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(example.source, "attention.md", "single"), page)
    return page


def matrices(*names: str, **titles: str) -> Draw:
    """Return a function that draws matrices of weights, one panel per variable of the page.

    Args:
        *names: variables whose name is the title of their panel.
        **titles: further variables, with the titles of their panels.
    """
    titles = {**{name: name for name in names}, **titles}

    def draw(page: Page) -> Figure:
        figure, panels = _panels(len(titles))
        for axes, (name, title) in zip(panels, titles.items(), strict=True):
            _draw_weights(axes, page[name], title)
        panels[0].set_ylabel("step")
        add_colour_bar(panels[0].images[0], panels=panels)
        return figure

    return draw


def _panels(count: int, height: float = 2.1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(0.9 + 1.9 * count, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def _draw_weights(
    axes: Axes, weights: npt.ArrayLike, title: str, xlabel: str = "source position"
) -> None:
    weights = np.asarray(weights)
    draw_weights(axes, weights)
    axes.set_xticks(range(weights.shape[1]))
    axes.set_yticks(range(weights.shape[0]))
    axes.tick_params(labelsize=8)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(xlabel, fontsize=9)


def one_step(page: Page) -> Figure:
    """Draw bar charts of the scores, their softmax and the context."""
    figure, panels = _panels(3)
    titles = {"scores": "scores", "weights": "softmax: weights", "context": "context"}
    for index, (axes, (name, title)) in enumerate(zip(panels, titles.items(), strict=True)):
        axes.bar(range(3), page[name], width=0.6, color=LINE_COLOURS[index])
        axes.set_xticks(range(3))
        axes.set_xlabel("number" if name == "context" else "source position", fontsize=9)
        axes.set_title(title, fontsize=10)
        open_up(axes)
    return figure


def mappings(page: Page) -> Figure:
    """Draw the weights of the page's scores, and of two positions by their score difference."""
    from keras_attention.ops.mappings import MAPPINGS

    figure = Figure(figsize=(7.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    differences = np.linspace(-4, 4, 81, dtype="float32")
    pairs = np.stack([differences, np.zeros_like(differences)], axis=-1)
    for index, (name, mapping) in enumerate(MAPPINGS.items()):
        style = {**line_style(index), "marker": ""}
        left.bar(
            np.arange(5) + 0.26 * (index - 1),
            page["sparse"][name][0],
            0.24,
            color=LINE_COLOURS[index],
        )
        right.plot(differences, np.asarray(mapping(pairs))[:, 0], label=name, **style)
    scores = [f"{score:g}" for score in page["preferences"][0, 0]]
    left.set_xticks(range(5), scores)
    left.set(xlabel="score", ylabel="weight")
    right.set(xlabel="difference of two scores", ylabel="weight of the first")
    for axes in (left, right):
        open_up(axes)
    add_legend(figure, lettering_for(MAPPINGS))
    return figure


def external_memory(page: Page) -> Figure:
    """Draw the weights of the read head, the contexts, and the slots before and after."""
    figure, panels = _panels(4)
    _draw_weights(panels[0], page["reading"][0], "read weights", "slot")
    _draw_weights(panels[1], page["read"][0], "context", "column")
    _draw_weights(panels[2], page["five"][0], "slots before", "column")
    _draw_weights(panels[3], np.asarray(page["slots"])[0], "slots after", "column")
    panels[0].set_ylabel("step")
    panels[2].set_ylabel("slot")
    add_colour_bar(panels[0].images[0], panels=panels, label="value")
    return figure


def copying(page: Page) -> Figure:
    """Draw the probabilities of the five tokens for each gate of the page."""
    figure, panels = _panels(3)
    for axes, (output, probabilities) in zip(panels, page["mixed"].items(), strict=True):
        gate = 1 / (1 + np.exp(-output))
        axes.bar(
            range(5), probabilities, width=0.6, color=[LINE_COLOURS[0]] * 3 + [LINE_COLOURS[1]] * 2
        )
        axes.set_title(f"gate {gate:.2f}", fontsize=10)
        axes.set_xticks(range(5), ["0", "1", "2", "<unk>", "4"], fontsize=8)
        axes.set(ylim=(0, 0.85))
        axes.set_xlabel("target token", fontsize=9)
        open_up(axes)
    panels[0].set_ylabel("probability")
    return figure


def links(page: Page) -> Figure:
    """Draw the links of both directions and the joined links, over the gold alignment."""
    shown = {"forward": page["found"], "reverse": page["reverse"], **page["joined"]}
    figure, panels = _panels(len(shown), 2.3)
    for axes, (name, found) in zip(panels, shown.items(), strict=True):
        _draw_links(axes, page["right"], found)
        axes.set_title(name, fontsize=9)
    panels[0].set_ylabel("target token")
    return figure


def _draw_links(axes: Axes, right: Any, found: Any) -> None:
    cells = np.zeros((4, 4))
    for source, target in right.possible:
        cells[target, source] = 0.45 if (source, target) in right.sure else 0.2
    axes.imshow(cells, cmap="Greys", vmin=0, vmax=1)
    for source, target in found:
        axes.plot(source, target, "o", color=LINE_COLOURS[1], markersize=8)
    axes.set_xticks(range(4))
    axes.set_yticks(range(4))
    axes.tick_params(length=0, labelsize=8)
    axes.set_xlabel("source token", fontsize=9)


def dates(page: Page) -> Figure:
    """Train the models of `trained_dates`. Only this picture needs that slow import."""
    import trained_dates

    return trained_dates.dates()


def shrink(path: Path) -> None:
    """Reduce a picture to 256 colours on white: a third of the bytes, and it looks the same."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


PICTURES: dict[str, Draw] = {
    "fixed-vector": lambda page: schemes.fixed_vector(),
    "one-step": one_step,
    "learnt": matrices(before="before training", learnt="after"),
    "scores": matrices("additive", "dot", "general", "location"),
    "placement": lambda page: schemes.placement(),
    "heads": matrices(head_1="head 1", head_2="head 2", mean="mean"),
    "mappings": mappings,
    "local": matrices(local_m="local-m", local_p="local-p"),
    "history": matrices(
        location_aware="location-aware", no_coverage="no coverage", coverage="coverage"
    ),
    "monotonic": matrices(
        expected="monotonic, training", monotonic="monotonic", chunkwise="chunkwise"
    ),
    "external-memory": external_memory,
    "copying": copying,
    "links": links,
    "architectures": lambda page: schemes.architectures(),
    "dates": dates,
}


def main() -> None:
    """Draw the named pictures, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    names = parser.parse_args().names or list(PICTURES)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"pictures are {', '.join(PICTURES)}. Received: {min(unknown)!r}.")
    # The command line sets the same variables; they must be set before TensorFlow is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    page = run_page()
    for name in names:
        path = HERE / "pictures" / f"{name}.png"
        save_figure(PICTURES[name](page), path)
        shrink(path)
        print(f"Wrote {path}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
