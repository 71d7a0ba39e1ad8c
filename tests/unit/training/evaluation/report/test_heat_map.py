import re

import numpy as np

from keras_attention.training.evaluation.report.heat_map import MOST_TOKENS, heat_map


def test_every_visible_weight_has_a_cell_with_a_description():
    svg = heat_map(["a", "<b>", "</s>"], ["x", "</s>"], [[0.7, 0.29, 0.01], [0, np.nan, 1.0]])
    assert re.findall(r"<title>([^<]*)</title>", svg) == [
        "x ← a: 70%",
        "x ← &lt;b&gt;: 29%",
        "&lt;/s&gt; ← &lt;/s&gt;: 100%",
    ]


def test_rows_are_targets_and_columns_are_sources():
    svg = heat_map(["a", "b"], ["x", "y"], [[0, 1], [0, 0]])
    frame, cell = (
        tuple(map(int, re.findall(r'[ ](?:x|y)="(\d+)"', rect)))
        for rect in re.findall(r"<rect[^>]*>", svg)
    )
    assert cell[0] > frame[0] and cell[1] == frame[1]


def test_long_texts_are_cut():
    tokens = [f"token {number}" for number in range(500)]
    svg = heat_map(tokens, tokens, np.eye(500))
    assert svg.count("<title>") == MOST_TOKENS
    assert len(svg) < 30_000
