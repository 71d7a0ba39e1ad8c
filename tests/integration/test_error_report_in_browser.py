"""The page of a model's errors in a headless Chromium, on a screen and on a phone."""

import numpy as np
import pytest

from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.evaluation.report.analysis import Frequencies, Question, analyse
from keras_attention.training.evaluation.report.error_report import write_error_report
from keras_attention.training.evaluation.report.token_form import TokenForm
from keras_attention.translation.result import Hypothesis, Translation

LONG = "Donaudampfschifffahrtsgesellschaftskapitän" * 12
PAIRS = [
    ("سلام دنیا", "مرحبا بك", "مرحبا", -0.1),
    ("한국어 문장", "김치 찌개", "김치 국", -0.3),
    (LONG, LONG + " " + LONG, LONG, -0.5),
    *[(f"source {n}", "one two", "one two" if n % 3 else "one", -n / 40) for n in range(60)],
]


def translation(source, output, score):
    sources, tokens = (*source.split(), "</s>"), (*output.split(), "</s>")
    weights = np.full((len(tokens), len(sources)), 1 / len(sources), "float32")
    return Translation(source, sources, (Hypothesis(output, score, tokens, weights),))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tuple(translation(source, output, score) for source, _, output, score in PAIRS)
    lengths = tuple(len(each.source_tokens) - 1 for each in found)
    evaluation = Evaluation(tuple(pair[:3] for pair in PAIRS), lengths, found)
    metrics = ["exact_match", "bleu", "chrf", "wer"]
    analysis = analyse(evaluation, Question(metrics, TokenForm()), Frequencies({"source": 3}))
    path = tmp_path_factory.mktemp("pages") / "errors.html"
    write_error_report(analysis, path, "Errors", {"command": "keras-attention " + "x" * 300})
    return path


@pytest.fixture
def page(window, path):
    window.set_window()
    window.open(path)
    yield window
    wrong = {"Runtime.exceptionThrown", "Log.entryAdded"}
    assert not [event for event in window.events if event.get("method") in wrong]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_window(width=width)
    page.ask("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.ask("document.documentElement.scrollWidth") == width
    cut = page.ask(
        """[...document.querySelectorAll("main *")].filter((each) =>
        !each.closest(".scroll, svg") && each.getBoundingClientRect().right > innerWidth
        ).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert cut == []


def test_the_page_follows_the_colours_of_the_system(page):
    def colours():
        return page.ask(
            """["body", "article", "mark", "svg text"].map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            return [style.color, style.backgroundColor, style.fill].join() })"""
        )

    page.set_window(prefers_color_scheme="light")
    light = colours()
    page.set_window(prefers_color_scheme="dark")
    assert all(one != other for one, other in zip(light, colours(), strict=True))


def test_an_alignment_unfolds_with_a_text_for_every_cell(page):
    summary = "article summary"
    page.click(summary)
    page.until("document.querySelector('article details').open")
    cells = "document.querySelectorAll('article details[open] rect:not(.frame) title')"
    assert page.ask(f"{cells}.length") > 0
    assert "←" in page.ask(f"{cells}[0].textContent")


def test_right_to_left_texts_are_shown_in_their_direction(page):
    box = """[...document.querySelectorAll("article bdi")].find((each) =>
        each.textContent.startsWith("مرحبا"))"""
    assert page.ask(f"getComputedStyle({box}).direction") == "rtl"


def test_charts_and_pictures_have_names_for_screen_readers(page):
    names = {name for role, name, *_ in page.accessible() if role in ("image", "img")}
    assert {"Reliability diagram"} <= names
    assert any(name.startswith("Accuracy of the rest") for name in names)
