"""Small SVG charts with the colours of the page and a description for screen readers.

Matplotlib would fix the colours for either light or dark mode, and write 20 times as many bytes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 360, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 42
_TICKS = 5

Point = tuple[float, float]


@dataclass
class Chart:
    """A chart with two axes, both shown in per cent.

    Args:
        label: description of the chart for screen readers.
        xlabel: label of the x axis.
        ylabel: label of the y axis.
        lowest: the value at the bottom of the y axis; the top is 1, and the x axis is from 0 to 1.
        parts: the SVG elements so far.

    Example:
        >>> chart = Chart("a line", "x", "y")
        >>> chart.line([(0, 0), (1, 1)], "after")
        >>> chart.svg().count("<polyline")
        1
    """

    label: str
    xlabel: str
    ylabel: str
    lowest: float = 0.0
    parts: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], name: str) -> None:
        """Draw a line through points `(x, y)` in data units, with the class `name`."""
        places = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{name}" points="{places}"/>')

    def dots(self, points: Iterable[tuple[float, float, float, str]], name: str) -> None:
        """Draw dots `(x, y, radius, hover text)`, the radius in pixels, with the class `name`."""
        for x, y, radius, hover in points:
            place = f'cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="{radius:.1f}"'
            self.parts.append(
                f'<circle class="{name}" {place}><title>{html.escape(hover)}</title></circle>'
            )

    def rule(self, x: float, name: str) -> None:
        """Draw a vertical line at `x`, with the class `name`."""
        self.line([(x, self.lowest), (x, 1.0)], name)

    def svg(self) -> str:
        """Return the chart."""
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
        head = f'<svg class="chart" {size} role="img" aria-label="{html.escape(self.label)}">'
        return "".join([head, *self._axes(), *self.parts, "</svg>"])

    def _axes(self) -> Iterable[str]:
        bottom, middle = HEIGHT - _BOTTOM, (_LEFT + WIDTH - _RIGHT) / 2
        for number in range(_TICKS + 1):
            share = number / _TICKS
            value = self.lowest + share * (1 - self.lowest)
            x, y = self._x(share), self._y(value)
            across = f'x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            yield f'<line class="grid" {across}/>'
            yield _text(_LEFT - 6, y + 4, _percent(value), "end")
            yield _text(x, bottom + 16, _percent(share))
        yield _text(middle, HEIGHT - 6, self.xlabel)
        height = (bottom + _TOP) / 2
        turned = f'<g transform="rotate(-90 12 {height})">'
        yield f"{turned}{_text(12, height, self.ylabel)}</g>"

    def _x(self, value: float) -> float:
        return _LEFT + value * (WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        share = (value - self.lowest) / (1 - self.lowest)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def bar(share: float) -> str:
    """Return a horizontal bar for a share in [0, 1]."""
    width = 100 * min(max(share, 0.0), 1.0) if share == share else 0.0
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.1f}" height="10"/></svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place}>{html.escape(text)}</text>"


def _percent(value: float) -> str:
    return f"{100 * value:.3g}"
