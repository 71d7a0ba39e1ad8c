"""The web pages of the pretrained models in a headless Chromium, with LiteRT.js.

They are skipped unless `npm install @litertjs/core` was run in the repository, or the variable
LITERT_JS names the folder in which it was run.
"""

import json

import numpy as np
import pytest
from browser import REPOSITORY, find_runtime
from web_page import open_page, served, texts, translate

from keras_attention.export import DeviceTranslator, export_web

PRETRAINED = {
    "dates": ["march 27, 2016", "sun, 12 nov 1989", "3/5/03 (?)", "the 1st", "9"],
    "g2p-fre": ["bonjour", "anticonstitutionnellement", "\u00e9cureuil", "e\u0301cureuil", "x y"],
    "g2p-kor": ["학교", "한국어", "어텐션", "ㅋㅋ", "\u1112\u1161\u11ab", "값이 없다"],
}


@pytest.fixture(scope="module")
def runtime():
    folder = find_runtime()
    if folder is None:
        pytest.skip(
            "no LiteRT.js: run `npm install @litertjs/core`, or name its folder in LITERT_JS"
        )
    return folder


@pytest.mark.parametrize(("name", "width"), [("dates", 1280), ("g2p-fre", 390), ("g2p-kor", 390)])
def test_outputs_equal_those_in_python(window, runtime, tmp_path, name, width):
    file = REPOSITORY / "saved_models" / "pretrained" / f"{name}.tflite"
    python = DeviceTranslator.load(file)
    export_web(file, tmp_path / "page", runtime=runtime)
    window.set_window(width=width, prefers_reduced_motion="reduce")
    with served(tmp_path / "page") as address:
        page = open_page(window, address)
        for text in PRETRAINED[name]:
            expected, best = python(text), python(text, beam=True).hypotheses
            whole, found, streamed = page.ask(EVERY_SEARCH.format(json.dumps(text)))
            for each in (whole, streamed):
                check_equal(each, expected.hypotheses[0], python)
            for each, hypothesis in zip(found, best, strict=True):
                check_equal(each, hypothesis, python)
            assert translate(page, text) == expected.text
            assert texts(page, "#outputs bdi") == [each.text or "(empty)" for each in best]
            assert page.ask("document.scrollingElement.scrollWidth") == width


EVERY_SEARCH = """(async (text) => {{
    let last;
    for await (const {{ soFar }} of translator.stream(text)) last = soFar;
    return [await translator.translate(text), await translator.search(text), last];
}})({})"""


def check_equal(found, expected, python):
    """Compare a hypothesis of the page with one in Python; both round int8 weights equally."""
    assert (found["text"], found["tokens"]) == (expected.text, list(expected.tokens))
    assert found["score"] == pytest.approx(expected.score, abs=2e-3)
    assert found["confidence"] == pytest.approx(python.confidence.of(expected), abs=1e-3)
    np.testing.assert_allclose(found["alignment"], expected.alignment, atol=2e-3)
