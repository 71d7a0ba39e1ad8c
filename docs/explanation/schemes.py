"""Diagrams of boxes and arrows for the models that docs/explanation/attention.md explains."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ENCODER, DECODER, ATTENTION, PLAIN = "#cfe3f5", "#fde0c2", "#e0d3f2", "#eeeeee"
INK, FAINT, MARKED, SKIPPED = "#333333", "#777777", "#7a4fb5", "#2e7d32"

Point = tuple[float, float]


class Scheme:
    """A panel of boxes and arrows; one unit is the default width of a box.

    Args:
        axes: the axes to draw on.
        title: the title of the panel.
        width: width of the panel, in units.
        height: height of the panel, in units.
    """

    def __init__(self, axes: Axes, title: str, width: float, height: float) -> None:
        self.axes = axes
        axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        axes.set_title(title, fontsize=10)
        axes.axis("off")

    def box(
        self, at: Point, text: str, colour: str, width: float = 1.0, points: float = 9
    ) -> Point:
        """Draw a box around the point `at`, and return that point."""
        corner, style = (at[0] - width / 2, at[1] - 0.35), "round,pad=0,rounding_size=0.15"
        patch = FancyBboxPatch(corner, width, 0.7, style, facecolor=colour, edgecolor=INK, lw=0.8)
        self.axes.add_patch(patch)
        self.axes.text(*at, text, ha="center", va="center", fontsize=points)
        return at

    def arrow(self, start: Point, end: Point, bend: float = 0.0, **style: Any) -> None:
        """Draw an arrow, which bends to its right if `bend` is positive."""
        style = {"color": INK, "lw": 1.0, "arrowstyle": "-|>", "mutation_scale": 8, **style}
        curve = f"arc3,rad={bend}"
        self.axes.add_patch(
            FancyArrowPatch(start, end, connectionstyle=curve, shrinkA=0, shrinkB=0, **style)
        )

    def detour(self, layer: Point, by: float) -> None:
        """Draw a connection that skips a layer: on the right, or left if `by` is negative."""
        (x, y), out = layer, layer[0] + by
        line = {"color": SKIPPED, "lw": 1.0}
        self.axes.plot([x, out, out], [y - 0.72, y - 0.72, y + 0.68], **line, zorder=0)
        self.arrow((out, y + 0.68), (x, y + 0.68), **line)

    def note(self, at: Point, text: str) -> None:
        """Write a small label."""
        self.axes.text(*at, text, ha="center", va="center", fontsize=8, color=FAINT)


def above(at: Point) -> Point:
    """Return the middle of a box's upper edge."""
    return at[0], at[1] + 0.35


def below(at: Point) -> Point:
    """Return the middle of a box's lower edge."""
    return at[0], at[1] - 0.35


def side(at: Point, width: float = 1.0) -> Point:
    """Return the middle of a box's right edge, or of its left edge if the width is negative."""
    return at[0] + width / 2, at[1]


def fixed_vector() -> Figure:
    """Draw a model with one vector between encoder and decoder, and one with attention."""
    figure = Figure(figsize=(7.4, 2.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_one_vector(Scheme(left, "one vector for everything", 8.4, 3.8))
    _draw_attention(Scheme(right, "attention: every state, by weight", 8.4, 3.8))
    return figure


def _draw_one_vector(scheme: Scheme) -> None:
    states, steps = _encoder_and_decoder(scheme)
    scheme.arrow(above(states[-1]), below(steps[0]), bend=0.15, lw=2.0, color=MARKED)
    scheme.note((6.4, 2.1), "$h_S$")


def _draw_attention(scheme: Scheme) -> None:
    states, steps = _encoder_and_decoder(scheme)
    weights = np.array([[0.1, 0.8, 0.05, 0.05], [0.7, 0.2, 0.05, 0.05], [0.05, 0.05, 0.3, 0.6]])
    for step, row in zip(steps, weights, strict=True):
        for state, weight in zip(states, row, strict=True):
            line = {"lw": 0.4 + 4 * weight, "alpha": 0.25 + 0.7 * weight, "arrowstyle": "-"}
            scheme.arrow(above(state), below(step), color=MARKED, **line)


def _encoder_and_decoder(scheme: Scheme) -> tuple[list[Point], list[Point]]:
    states = [scheme.box((1.2 + 2 * i, 0.6), f"$h_{i + 1}$", ENCODER) for i in range(4)]
    steps = [scheme.box((2.2 + 2 * i, 3.2), f"$d_{i + 1}$", DECODER) for i in range(3)]
    for chain in (states, steps):
        for one, next_one in zip(chain, chain[1:], strict=False):
            scheme.arrow(side(one), side(next_one, -1.0))
    return states, steps


def placement() -> Figure:
    """Draw where the context enters a decoder step."""
    figure = Figure(figsize=(8.0, 3.0), layout="constrained")
    before, *after = figure.subplots(1, 3)
    _draw_before(Scheme(before, 'placement="before"', 6, 6))
    _draw_after(Scheme(after[0], 'placement="after"', 6, 6), fed=False)
    _draw_after(Scheme(after[1], "input_feeding=True", 6, 6), fed=True)
    return figure


def _draw_before(scheme: Scheme) -> None:
    attend = scheme.box((1.4, 2.2), "attend", ATTENTION, 1.8)
    lstm = scheme.box((4.2, 3.4), "LSTM", DECODER, 1.8)
    word = scheme.box((4.2, 1.0), "$y_{t-1}$", PLAIN, 1.2)
    state = scheme.box((1.4, 4.6), "$d_{t-1}$", DECODER, 1.2)
    predict = scheme.box((4.2, 5.2), "predict $y_t$", PLAIN, 2.4)
    scheme.arrow(below(state), above(attend))
    scheme.arrow(side(state, 1.2), (3.3, 3.6))
    scheme.arrow(side(attend, 1.8), (3.5, 3.05))
    scheme.arrow(above(word), below(lstm))
    scheme.arrow(above(lstm), below(predict))
    scheme.arrow((1.4, 0.9), below(attend))
    scheme.note((1.4, 0.6), "memory")
    scheme.note((2.75, 2.3), "$c_t$")
    scheme.note((4.55, 4.3), "$d_t$")


def _draw_after(scheme: Scheme, *, fed: bool) -> None:
    attend = scheme.box((1.4, 3.2), "attend", ATTENTION, 1.8)
    lstm = scheme.box((4.2, 2.2), "LSTM", DECODER, 1.8)
    word = scheme.box((4.2, 0.7), "$y_{t-1}$", PLAIN, 1.2)
    top = scheme.box((4.2, 4.1), r"$\tilde{d}_t = \tanh W[c_t; d_t]$", DECODER, 3.4)
    predict = scheme.box((4.2, 5.4), "predict $y_t$", PLAIN, 2.4)
    scheme.arrow(above(word), below(lstm))
    scheme.arrow(above(lstm), below(top))
    scheme.arrow((3.4, 2.55), side(attend, 1.8), bend=0.2)
    scheme.arrow(above(attend), (2.5, 4.1), bend=-0.3)
    scheme.arrow(above(top), below(predict))
    scheme.arrow((1.4, 1.9), below(attend))
    scheme.note((1.4, 1.6), "memory")
    scheme.note((4.55, 3.05), "$d_t$")
    if fed:
        scheme.arrow((1.9, 0.7), (3.4, 1.85), color="#c0392b", linestyle="--")
        scheme.axes.text(1.3, 0.7, r"$\tilde{d}_{t-1}$", ha="center", va="center", color="#c0392b")


def architectures() -> Figure:
    """Draw encoder and decoder of deep LSTMs, GNMT and the Transformer."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    deep = Scheme(panels[0], 'encoder="bilstm", layers=3', 8.4, 6.2)
    _stacks(deep, [r"LSTM $\leftrightarrow$"] * 3, ["LSTM"] * 3, first_skip=1)
    gnmt = Scheme(panels[1], '"gnmt"', 8.4, 6.2)
    up = [r"LSTM $\leftrightarrow$", r"LSTM $\rightarrow$", r"LSTM $\rightarrow$"]
    _stacks(gnmt, up, ["LSTM"] * 3, first_skip=2, gnmt=True)
    transformer = Scheme(panels[2], '"transformer", repeated', 8.4, 6.2)
    up = ["self-attention", "feed-forward"]
    _stacks(transformer, up, ["self-attention", "attention", "feed-forward"], first_skip=0)
    return figure


def _stacks(
    scheme: Scheme, up: list[str], right: list[str], *, first_skip: int, gnmt: bool = False
) -> None:
    """Draw the layers of an encoder and a decoder, their skip connections and the attention."""
    encoder = _stack(scheme, 2.0, up, ENCODER, first_skip, "source")
    decoder = _stack(scheme, 6.4, right, DECODER, first_skip, "target")
    memory = side(encoder[-1], 2.4)
    if "attention" in right:
        scheme.arrow(memory, side(decoder[1], -2.4))
    else:
        attend = scheme.box((4.2, decoder[0][1]), "attend", ATTENTION, 1.3, points=8)
        scheme.arrow(memory, above(attend), bend=-0.3)
        for layer in decoder if gnmt else decoder[:1]:
            scheme.arrow(side(attend, 1.3), side(layer, -2.4))


def _stack(
    scheme: Scheme, x: float, texts: list[str], colour: str, first_skip: int, name: str
) -> list[Point]:
    layers = []
    for index, text in enumerate(texts):
        shade = ATTENTION if text == "attention" else colour
        layers.append(scheme.box((x, 1.6 + 1.7 * index), text, shade, 2.4, points=8))
    scheme.note((x, 0.4), name)
    scheme.arrow((x, 0.65), below(layers[0]))
    for index, layer in enumerate(layers):
        top = layer[0], layer[1] + 1.35
        scheme.arrow(above(layer), top if index + 1 < len(layers) else (x, layer[1] + 0.9))
        if index >= first_skip:
            scheme.detour(layer, 1.5 if colour == DECODER else -1.5)
    return layers
