import re

import pytest

from keras_attention.training.evaluation.report.charts import HEIGHT, WIDTH, Chart, bar


def test_points_are_drawn_inside_the_axes_and_the_y_axis_points_up():
    chart = Chart("a & b", "x", "y", lowest=0.5)
    chart.line([(0, 0.5), (0.5, 0.75), (1, 1)], "after")
    (points,) = re.findall(r'points="([^"]*)"', chart.svg())
    (x0, y0), (x1, y1), (x2, y2) = [map(float, point.split(",")) for point in points.split()]
    assert 0 < x0 < x1 < x2 < WIDTH and HEIGHT > y0 > y1 > y2 > 0
    assert (x1, y1) == pytest.approx(((x0 + x2) / 2, (y0 + y2) / 2), abs=0.1)


def test_texts_are_escaped_and_the_axes_are_in_per_cent():
    chart = Chart("a & b", "<x>", "y", lowest=0.9)
    chart.dots([(0.5, 0.95, 3, "<b>")], "after")
    chart.rule(0.5, "chosen")
    svg = chart.svg()
    assert 'aria-label="a &amp; b"' in svg and "&lt;x&gt;" in svg
    assert "<title>&lt;b&gt;</title>" in svg
    assert {"0", "20", "100", "90", "92"} <= set(re.findall(r">([\d.]+)</text>", svg))


@pytest.mark.parametrize(
    ("share", "width"), [(0.25, "25.0"), (1.5, "100.0"), (-1, "0.0"), (float("nan"), "0.0")]
)
def test_a_bar_is_between_empty_and_full(share, width):
    assert f'<rect width="{width}"' in bar(share)
