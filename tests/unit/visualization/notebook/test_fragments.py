"""Notebooks display results as HTML that is safe and self-contained."""

import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_attention.translation.forced_alignment import PairAlignment
from keras_attention.translation.result import Hypothesis, PairScore, Translation
from keras_attention.visualization.notebook.fragments import MOST_TOKENS
from keras_attention.visualization.notebook.visible_text import columns_of, shorten_middle

EVIL = '<script src="https://example.org/x.js">"\'&'


class Tags(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are balanced."""

    def __init__(self, fragment):
        super().__init__()
        self.open, self.tags, self.names, self.titles, self.text = [], [], set(), [], ""
        self.feed(fragment)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.titles += [value for name, value in attrs if name == "title"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def results(text):
    weights = np.array([[0.75, 0.25], [0.0, 1.0]], "float32")
    tokens = (text, "</s>")
    return [
        Translation(text, tokens, (Hypothesis(text, -0.5, tokens, weights),)),
        PairAlignment(text, text, tokens, tokens, weights),
        PairScore(text, text, tokens, (-1.0, -0.5)),
    ]


@pytest.mark.parametrize("result", results(EVIL), ids=lambda each: type(each).__name__)
def test_text_is_escaped_and_nothing_is_fetched(result):
    found = Tags(result._repr_html_())
    assert EVIL in found.text
    assert set(found.tags) <= {"div", "p", "small", "bdi", "table", "tr", "th", "td"}
    assert found.names <= {"lang", "style", "scope", "title"}
    assert "url(" not in result._repr_html_()


@pytest.mark.parametrize("result", results("\ud800\n한"), ids=lambda each: type(each).__name__)
def test_every_character_can_be_encoded_and_is_visible(result):
    result._repr_html_().encode("utf-8")
    assert "\\ud800\\n한" in Tags(result._repr_html_()).text


def test_a_translation_shows_scores_and_the_weight_of_each_cell():
    translation, aligned, pair = (Tags(result._repr_html_()) for result in results("a"))
    assert "log-probability −0.5000" in translation.text
    assert translation.titles == [
        "a ← a: 75%",
        "a ← </s>: 25%",
        "</s> ← a: 0%",
        "</s> ← </s>: 100%",
    ]
    assert aligned.titles == translation.titles and "log-prob" not in aligned.text
    assert "log-probability −1.5000" in pair.text and "−1.00" in pair.text
    assert pair.titles == ["a: probability 36.79%", "</s>: probability 60.65%"]


def test_text_has_no_fixed_colour_so_that_it_can_be_read_on_any_background():
    for result in results("a"):
        assert not re.search(
            r"[^-]color:|background:(?!none|rgb\(47 127 209 / )", result._repr_html_()
        )


def test_unusual_results_can_be_shown():
    assert "no hypothesis" in Translation("a", ("a", "</s>"), ())._repr_html_()
    best = Hypothesis("b", -math.inf, ("b",), np.zeros((1, 2), "float32"))
    other = Hypothesis("", -2.0, (), np.zeros((0, 2), "float32"))
    shown = Tags(Translation("", ("a", "</s>"), (best, *[other] * 11))._repr_html_())
    assert "−inf" in shown.text and "2 more hypotheses" in shown.text and "(empty)" in shown.text
    assert "table" not in shown.tags  # a model without attention
    assert "−inf" in PairScore("a", "b", ("b",), (-math.inf,))._repr_html_()


def test_large_tables_are_cut():
    tokens = ("w",) * 300
    weights = np.full((300, 300), 1 / 300, "float32")
    shown = PairAlignment("w", "w", tokens, tokens, weights)._repr_html_()
    assert shown.count("<td title") == MOST_TOKENS**2 and f"first {MOST_TOKENS} tokens" in shown
    assert len(shown) < 1_000_000


def test_long_labels_lose_their_middle():
    assert shorten_middle("internationalisation", 20) == "internationalisation"
    assert shorten_middle("internationalisation", 11) == "inter…ation"
    assert shorten_middle("internationalisation", 10) == "inter…tion"
    for width in range(1, 12):
        assert columns_of(shorten_middle("한국어 e\u0301" * 4, width)) <= width
    assert shorten_middle("x" * 9 + "e\u0301y", 4) in ("xx…y", "x…e\u0301y")


def test_results_need_no_plots():
    code = """
import sys
import numpy as np
from keras_attention.translation import result
assert "keras_attention.visualization" not in sys.modules
best = result.Hypothesis("b", 0.0, ("b",), np.ones((1, 1)))
assert "<table" in result.Translation("a", ("a",), (best,))._repr_html_()
assert "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
