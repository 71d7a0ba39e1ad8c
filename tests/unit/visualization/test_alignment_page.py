"""An alignment page contains all of its data, and requests nothing from a network."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_attention import write_alignment_page
from keras_attention.errors import InputError
from keras_attention.translation.result import Hypothesis, Translation


class Elements(HTMLParser):
    """The elements of a page as `(tag, attributes, text)`, found without a browser."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.inside = [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found[-1][2] += data

    def of(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def translation(source, *texts, weights=None, scores=(-0.5, -1.25, -2.0)):
    sources = (*source, "</s>")
    hypotheses = []
    for text, score in zip(texts, scores, strict=False):
        tokens = (*text, "</s>")
        alignment = np.eye(len(tokens), len(sources)) if weights is None else np.asarray(weights)
        hypotheses.append(Hypothesis("".join(text), score, tokens, alignment.astype("float32")))
    return Translation("".join(source), sources, tuple(hypotheses))


@pytest.fixture
def write(tmp_path):
    """Write a page, and return its text and the text of its data."""

    def write(*translations, **options):
        path = tmp_path / "new folder" / "page.html"
        write_alignment_page(iter(translations), path, **options)
        assert list(path.parent.iterdir()) == [path]
        text = path.read_bytes().decode("utf-8")
        (data,) = [each for kind, each in Elements(text).of("script") if kind.get("id") == "data"]
        return text, json.loads(data)["sentences"]

    return write


def test_a_page_contains_tokens_weights_and_texts(write):
    weights = [[0.6149, 0.3851, 0], [0.0004, 0.0006, 0.999]]
    first = translation("a ", "x", weights=weights)
    _, sentences = write(first, translation("b", "yz", "w"))
    assert sentences == [
        {
            "source": "a ",
            "tokens": ["a", "␣", "</s>"],
            "hypotheses": [
                {
                    "text": "x",
                    "score": -0.5,
                    "tokens": ["x", "</s>"],
                    "weights": [[615, 385, 0], [0, 1, 999]],
                }
            ],
        },
        {
            "source": "b",
            "tokens": ["b", "</s>"],
            "hypotheses": [
                {
                    "text": "yz",
                    "score": -0.5,
                    "tokens": ["y", "z", "</s>"],
                    "weights": [[1000, 0], [0, 1000], [0, 0]],
                },
                {
                    "text": "w",
                    "score": -1.25,
                    "tokens": ["w", "</s>"],
                    "weights": [[1000, 0], [0, 1000]],
                },
            ],
        },
    ]


def test_nbest_limits_the_hypotheses(write):
    _, (sentence,) = write(translation("a", "x", "y", "z"), nbest=2)
    assert [each["text"] for each in sentence["hypotheses"]] == ["x", "y"]
    with pytest.raises(ValueError, match="`nbest` must be a positive integer. Received: nbest=0"):
        write(translation("a", "x"), nbest=0)


TEXTS = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"'&amp;&lt;\\u003c $title ${data} $$",
    "나는 학교에",
    "ذهبت إلى المدرسة",
    "🦜👩‍👧\u2028\u2029\x00\r\n\t\ufeff\ufffe",
    "\udcff",
    "long " * 20_000,
    "",
]


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text[:12]) for text in TEXTS])
def test_any_text_is_stored_unchanged(write, text):
    plain, _ = write(translation("a", "b"))
    page, (sentence,) = write(translation([text], [text]))
    assert (sentence["source"], sentence["hypotheses"][0]["text"]) == (text, text)
    assert [tag for tag, _, _ in Elements(page).found] == [
        tag for tag, _, _ in Elements(plain).found
    ]


@pytest.mark.parametrize("title", ["</title><script>x</script>", 'a & "b" $data', "오늘", "\udcff"])
def test_any_title_is_shown_unchanged(write, title):
    page = Elements(write(translation("a", "b"), title=title)[0])
    shown = title.replace("\udcff", "?")
    assert page.of("title")[0][1] == shown
    assert page.of("h1")[0][1].strip() == shown
    assert len(page.of("script")) == 2


def test_the_page_makes_no_network_requests(write):
    text, _ = write(translation("https://a.b/c", "//d.e"))
    page = Elements(text)
    assert {tag for tag, _, _ in page.found}.isdisjoint(
        {
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "a",
            "video",
            "audio",
            "source",
        }
    )
    asking = {"src", "href", "srcset", "action", "data", "style", "background"}
    for _, attributes, _ in page.found:
        assert not asking & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    for _, style in page.of("style"):
        assert not re.search(r"url\(|@import|@font-face|image-set", style)
    (script,) = [text for kind, text in page.of("script") if kind.get("type") == "module"]
    assert not re.search(
        r"fetch|XMLHttp|import|WebSocket|https?:|eval|innerHTML|sendBeacon", script
    )


def test_the_policy_allows_only_this_script_and_this_style(write):
    page = Elements(write(translation("a", "b"))[0])
    (policy,) = [a["content"] for a, _ in page.of("meta") if "http-equiv" in a]
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))

    def digest(text):
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    (script,) = [text for kind, text in page.of("script") if kind.get("type") == "module"]
    ((_, style),) = page.of("style")
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest(script)}'",
        "style-src": f"'sha256-{digest(style)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_empty_texts_and_zero_weights_are_allowed(write):
    nothing = Translation("", (), (Hypothesis("", 0.0, (), np.zeros((0, 0), "float32")),))
    blind = translation("a", "b", weights=np.zeros((2, 2)))
    broken = translation("a", "b", weights=np.full((2, 2), np.nan), scores=[-np.inf])
    _, sentences = write(nothing, blind, broken)
    assert [each["hypotheses"][0]["weights"] for each in sentences] == [[], *[[[0, 0]] * 2] * 2]
    assert [each["hypotheses"][0]["score"] for each in sentences] == [0.0, -0.5, None]
    assert write()[1] == []


@pytest.mark.parametrize("shape", [(2, 3), (2,), (0, 2)])
def test_an_alignment_of_another_shape_is_rejected(write, tmp_path, shape):
    with pytest.raises(ValueError, match=r"2 target tokens .* 2 source tokens.* Received: shape"):
        write(translation("a", "b", weights=np.ones(shape)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.png", "a", ".html", ""])
def test_an_unknown_suffix_is_rejected(tmp_path, name):
    with pytest.raises(InputError, match=r"must be one of .html, .htm. Received: '"):
        write_alignment_page([translation("a", "b")], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_path_is_an_input_error(tmp_path):
    (tmp_path / "a.html").mkdir()
    with pytest.raises(InputError, match=r"a\.html"):
        write_alignment_page([translation("a", "b")], tmp_path / "a.html")


def test_an_existing_page_is_kept_if_writing_fails(tmp_path):
    path = tmp_path / "A.HTM"
    write_alignment_page([translation("a", "b")], path)
    before = path.read_bytes()

    def failing():
        yield translation("c", "d")
        raise InputError("line 2")

    with pytest.raises(InputError, match="line 2"):
        write_alignment_page(failing(), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_pages_need_neither_keras_nor_matplotlib():
    code = """
import sys
from keras_attention.visualization import alignment_page
assert not {"tensorflow", "keras", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
