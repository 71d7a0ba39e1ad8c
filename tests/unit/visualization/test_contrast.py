"""Texts of generated pages have the contrast that WCAG 2.2 requires, in light and in dark.

https://www.w3.org/TR/WCAG22/#contrast-minimum
"""

import re
from pathlib import Path

import pytest

from keras_attention.visualization import alignment_page
from keras_attention.visualization.html_page import page_style
from keras_attention.visualization.notebook import fragments

TEXT, GRAPHICS = 4.5, 3.0
CSS = page_style(alignment_page.__file__)
SITE = Path(__file__).parents[3] / "docs" / "site.css"
SHARES = [0, 0.25, 0.5, 0.75, 1]


def color(text):
    """Return the channels of `#rgb`, `#rrggbb` or `r g b`."""
    if not text.startswith("#"):
        return [int(channel) for channel in text.split()]
    digits = "".join(2 * digit for digit in text[1:]) if len(text) == 4 else text[1:]
    return [int(digits[index : index + 2], 16) for index in (0, 2, 4)]


def luminance(channels):
    shares = [channel / 255 for channel in channels]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def blend(over, under, share):
    return [share * a + (1 - share) * b for a, b in zip(over, under, strict=True)]


def schemes():
    """Return the variables of the style sheet in light and in dark."""
    light, dark = (
        {name: color(value.strip()) for name, value in re.findall(r"--(\w+):([^;]+);", block)}
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    )
    return {"light": light, "dark": {**light, **dark}}


TEXTS = set(re.findall(r"(?<![\w-])color: var\(--(\w+)\)", CSS))
BACKGROUNDS = set(re.findall(r"background: var\(--(\w+)\)", CSS))


def test_contrast_follows_the_definition_of_wcag():
    assert contrast(color("#000"), color("#ffffff")) == pytest.approx(21)
    assert contrast(color("#777"), color("#fff")) == pytest.approx(4.48, abs=0.01)
    assert (TEXTS, BACKGROUNDS) == ({"ink", "soft"}, {"paper", "card"})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_the_alignment_page_can_be_read(scheme):
    colors = schemes()[scheme]
    for background in BACKGROUNDS:
        for text in TEXTS:
            assert contrast(colors[text], colors[background]) >= TEXT, (text, background)
        for share in SHARES:  # tokens and cells with a weight have the text colour of the page
            glow = blend(colors["glow"], colors[background], share)
            assert contrast(colors["ink"], glow) >= TEXT, (background, share)
        assert contrast(colors["focus"], colors[background]) >= GRAPHICS


def test_all_colours_of_the_page_are_variables():
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,8}\b(?=[;\s)])|rgb\(\d", rules)


@pytest.mark.parametrize(("text", "background"), [("#1f1f1f", "#ffffff"), ("#e0e0e0", "#111111")])
def test_weights_in_a_notebook_can_be_read(text, background):
    for share in SHARES:
        tint = blend(color(fragments.TINT), color(background), fragments.STRONGEST * share)
        assert contrast(color(text), tint) >= TEXT, share


def test_the_site_keeps_the_colours_of_its_theme():
    assert not re.search(r"color|background|#[0-9a-fA-F]{3,8}\b|rgb", SITE.read_text("utf-8"))
