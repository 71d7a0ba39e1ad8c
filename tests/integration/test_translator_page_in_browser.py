"""The web page of a model in a headless Chromium.

A stand-in for the runtime repeats the source; `test_pretrained_page_in_browser.py` runs LiteRT.js.
"""

import numpy as np
import pytest
from browser import contrast, rgb
from support import write_runtime
from web_page import enter, open_page, served, settle, shown, texts, translate, visible

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export import export_web
from keras_attention.export.device.device_file import write_device_file
from keras_attention.text.source_features import SourceFeatures
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Hypothesis

LIMIT, LENGTH = 12, 16
LETTERS = "abc 한"
SHARE = 0.9  # the probability of the source token that is repeated; "a" has most of the rest
CONFIDENCE = Confidence(temperature=0.5, threshold=0.8)
REPEAT = """
export const loadLiteRt = async () => {};
export class Tensor {
  constructor(values) { this.values = values; }
  async data() { return this.values; }
  delete() {}
}
const signature = (...names) => {
  const details = names.map((name) => ({ name, shape: [] }));
  return { getInputDetails: () => details };
};
window.runs = { now: 0, most: 0, beams: 0 };
window.delay = 1;
const make = (numbers) => new Tensor(Float32Array.from(numbers));
async function run(name, inputs) {
  runs.most = Math.max(runs.most, ++runs.now);
  await new Promise((done) => setTimeout(done, window.delay));
  runs.now--;
  const source = inputs.source.values;
  if (name === "encode") return { state_0: new Tensor(Int32Array.of(0)) };
  if (name === "beam") {
    runs.beams++;
    const tokens = Int32Array.from({ length: 3 * LENGTH });
    source.forEach((id, place) => (tokens[place] = id));
    tokens.set([5, 2], LENGTH);
    const alignment = make(Array(3 * LENGTH * LIMIT).fill(0));
    return { tokens: new Tensor(tokens), score: make([-0.1, -1, -1e9]), alignment };
  }
  const place = inputs.state_0.values[0];
  const shares = Array(SIZE).fill(0.001);
  shares[4] = 0.08;
  shares[source[place]] = SHARE;
  return {
    log_probabilities: make(shares.map(Math.log).fill(-1e9, 0, 2)),
    alignment: make([...source].map((_, other) => (other === place ? 0.75 : other ? 0 : 0.25))),
    state_0: new Tensor(Int32Array.of(place + 1)),
  };
}
export const loadAndCompile = async () => ({
  signatures: {
    encode: signature("source"),
    beam: signature("source"),
    decode_step: signature("source", "state_0"),
  },
  run,
});
"""


def write_model(path, confidence=None, **source):
    """Write a file like an exported one, but without graphs, because the stand-in reads none."""
    letters = Vocabulary(LETTERS)
    tokenizers = CharacterTokenizer(letters, **source), CharacterTokenizer(letters)
    codec = TextCodec(*tokenizers, SearchSettings(LIMIT, LENGTH))
    size = {"tokens": 4 + len(LETTERS)}
    described = {"precision": "float32", "max_source_length": LIMIT, "max_length": LENGTH}
    described |= {"beam_width": 3, "vocabulary": {"source": size, "target": size}}
    described |= {"confidence": confidence.to_json()} if confidence else {}
    write_device_file(path, b"\0\0\0\0TFL3", codec, described)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages of three models, and yield the folder and its address."""
    folder = tmp_path_factory.mktemp("site")
    constants = {"LIMIT": LIMIT, "LENGTH": LENGTH, "SIZE": 4 + len(LETTERS), "SHARE": SHARE}
    declared = "".join(f"const {name} = {value};\n" for name, value in constants.items())
    write_runtime(folder, declared + REPEAT)
    pages = {
        "plain": ({}, ["abc", "c a"]),
        "checked": ({"confidence": CONFIDENCE}, []),
        "features": ({"features": SourceFeatures({"to": ["de", "fr"]})}, []),
    }
    for name, (model, examples) in pages.items():
        write_model(folder / f"{name}.tflite", **model)
        export_web(folder / f"{name}.tflite", folder / name, runtime=folder, examples=examples)
    with served(folder) as address:
        yield folder, address


@pytest.fixture
def visit(window, site):
    """Return a function that opens a page, by default without pauses between tokens."""

    def visit(name="plain", *, motion="reduce", **view):
        window.set_window(prefers_reduced_motion=motion, **view)
        return open_page(window, f"{site[1]}{name}/")

    yield visit
    assert not [
        event for event in window.events if event.get("method") == "Runtime.exceptionThrown"
    ]


SHARES = """[...document.querySelectorAll('#matrix tbody tr')].map(({ cells }) =>
    [...cells].slice(1).map((cell) => Number(cell.style.getPropertyValue('--share'))))"""
CURRENT = """[...document.querySelectorAll('#outputs [aria-current=true] bdi')]
    .map((node) => node.textContent)"""


def test_the_page_opens_with_the_first_example(visit):
    page = visit()
    assert shown(page) == "abc"
    assert page.ask("document.querySelector('#source').value") == "abc"
    assert texts(page, "#examples button") == ["abc", "c a"]
    page.click("#examples button:last-child")
    assert shown(settle(page)) == "c a"


def test_the_address_contains_the_source(visit, site):
    page = visit()
    translate(page, "한 a")
    assert page.ask("location.hash") == "#%ED%95%9C%20a"
    page = open_page(page, f"{site[1]}plain/#b%20a")
    assert shown(page) == "b a"
    assert shown(open_page(page, f"{site[1]}plain/#%E0%A4%A")) == "abc"


def test_each_token_has_its_probability_and_its_weights(visit):
    page = visit()
    assert translate(page, "ba 한") == "ba 한"
    tokens = ["b", "a", "␣", "한", "</s>"]
    assert texts(page, "#chosen bdi") == texts(page, "#sources bdi") == tokens
    assert texts(page, "#chosen small") == ["90\u00a0%"] * 5
    weights = 0.75 * np.eye(5)
    weights[1:, 0] = 0.25
    assert texts(page, "#matrix tbody th") == tokens
    assert page.ask(SHARES) == weights.tolist()
    assert texts(page, "#matrix tbody tr:nth-child(3) td") == ["25", "", "75", "", ""]


def test_the_confidence_equals_the_one_in_python(visit):
    page = visit("checked")
    translate(page, "cab")
    score = 4 * float(np.log(np.float32(SHARE)))
    output = Hypothesis("cab", score, ("c", "a", "b", "</s>"), np.zeros((4, 4)))
    value = float(page.ask("document.querySelector('#confidence').dataset.confidence"))
    assert value == pytest.approx(CONFIDENCE.of(output), abs=1e-6)
    assert page.text("#figures") == (
        "Confidence 81.0\u00a0%, minimum 80.0\u00a0% · log-probability \u22120.4214 · 4 tokens"
    )


def test_an_output_below_the_minimum_confidence_is_marked(visit):
    page = visit("checked")
    translate(page, "cab")
    assert not visible(page, "#check")
    assert [" (check)" in text for text in texts(page, "#outputs .figure")] == [False, True]
    page.click("#outputs li:last-child button")
    assert shown(settle(page)) == "b"
    assert page.text("#check").startswith("Below this model’s minimum confidence of 80.0\u00a0%")
    assert visible(page, "#check") and "let a person check" in page.text("#spoken")
    translate(page, "cab")
    assert not visible(page, "#check")


@pytest.mark.parametrize(
    ("unusable", "sentence"),
    [
        ("", "Type a source: the output appears as you type."),
        ("a" * LIMIT, "The source is too long: it has 13 tokens with its end mark, and this page "
         "reads at most 12."),
    ],
)  # fmt: skip
def test_an_unusable_text_leaves_no_earlier_output(visit, unusable, sentence):
    page = visit()
    assert translate(page, "abc") == "abc"
    assert translate(page, unusable) == ""
    assert page.text("#status") == sentence
    assert translate(page, "c") == "c"
    assert page.text("#status") == ""


def test_unknown_characters_are_named(visit):
    page = visit()
    assert translate(page, "a?\u200b!?") == "a" + "<unk>" * 4
    assert page.text("#status") == (
        "This model does not know ‘?’, ‘\\u200b’, ‘!’: it reads each of them as <unk>."
    )
    assert texts(page, ".unknown bdi") == ["?", "\\u200b", "!", "?"]


def test_a_new_source_stops_the_output_of_the_previous_source(visit):
    page = visit()
    page.ask("window.delay = 50")  # milliseconds per token, so no output is complete too early
    page.ask(
        """window.seen = [];
        const node = document.querySelector("#text");
        const note = () => seen.push(node.textContent);
        new MutationObserver(note).observe(node, { childList: true });"""
    )
    for text in ("a" * 10, "b" * 10, "ccc"):
        enter(page, text)
    settle(page)
    page.ask("new Promise((done) => setTimeout(done, 100))")
    assert shown(page) == "ccc"
    seen = [text for text in page.ask("seen") if text]
    assert not {"a" * 10, "b" * 10} & {*seen}
    assert {*seen[seen.index("c") :]} == {"c", "cc", "ccc"}
    assert page.ask("runs.most") == 1


def test_the_output_appears_while_the_source_is_typed(visit):
    page = visit()
    page.click("#source")
    page.ask("document.querySelector('#source').select()")
    page.type("cab\nc")
    page.until("document.querySelector('#text').textContent === 'cab c'")


def test_an_output_continues_from_another_token(visit):
    page = visit()
    assert translate(page, "bcb") == "bcb"
    page.click("#chosen .token:nth-child(2)")
    assert texts(page, "#alternatives bdi")[:2] == ["c", "a"]
    assert texts(page, "#alternatives .figure")[:2] == ["90.0\u00a0%", "8.0\u00a0%"]
    page.click("#alternatives li:nth-child(2) button")
    assert shown(settle(page)) == "bab"
    assert texts(page, "#chosen small") == ["90\u00a0%", "8\u00a0%", "90\u00a0%", "90\u00a0%"]
    assert texts(page, "#chosen .forced bdi") == ["b", "a"]
    page.click("#reset")
    assert shown(settle(page)) == "bcb"
    assert not visible(page, "#reset")
    assert page.ask("runs.beams") == 2  # one search for the example and one for this source


def test_the_outputs_of_beam_search_can_be_shown(visit):
    page = visit()
    translate(page, "cab")
    assert texts(page, "#outputs bdi") == ["cab", "b"]  # there is no third hypothesis
    assert page.ask(CURRENT) == ["cab"]
    page.click("#outputs li:last-child button")
    assert shown(settle(page)) == "b"
    assert page.ask(CURRENT) == ["b"]
    assert texts(page, "#matrix tbody th") == ["b", "</s>"]


def test_arrow_keys_move_from_token_to_token(visit):
    page = visit()
    translate(page, "cab")
    page.ask("document.querySelector('#chosen .token').focus()")
    page.press("ArrowRight", "ArrowRight")
    assert page.ask("document.activeElement.textContent") == "b90\u00a0%"
    assert page.text("#summary") == "‘b’ attends to ‘b’ 75\u00a0%, ‘c’ 25\u00a0%."
    assert page.text("#matrix .chosen th") == "b"
    assert texts(page, "#sources small") == ["25\u00a0%", "", "75\u00a0%", ""]
    page.press("End", "ArrowRight", "Home", "ArrowLeft")
    assert page.text("#matrix .chosen th") == "c"
    page.point_at("#matrix tbody tr:nth-child(2) td")
    assert page.text("#matrix .chosen th") == "a"


def test_a_screen_reader_gets_names_and_the_output(visit):
    page = visit()
    translate(page, "a b")
    named = {(role, name) for role, name, *_ in page.accessible()}
    assert {("textbox", "Source"), ("button", "Translate"), ("option", "space, 90\u00a0%")} < named
    assert ("listbox", "Output tokens, with their probabilities") in named
    assert ("button", "a, 90.0\u00a0%") in named
    assert page.text("#spoken") == "Output: a b. Confidence 90.0\u00a0%."


def test_source_features_are_chosen_from_menus(visit):
    page = visit("features")
    assert translate(page, "c") == "ac"  # the stand-in repeats the feature's id too
    page.ask("document.querySelector('select').value = 'fr'")
    page.ask("document.querySelector('select').dispatchEvent(new Event('change', {bubbles: true}))")
    assert shown(settle(page)) == "bc"


@pytest.mark.parametrize("text", ["abc", "한" * (LIMIT - 1)])
def test_the_page_fits_the_window(visit, text):
    page = visit()
    translate(page, text)
    for width in (320, 390, 1280):
        page.set_window(width=width)
        assert page.ask("document.scrollingElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(visit, scheme):
    page = visit("checked", prefers_color_scheme=scheme)
    translate(page, "ab")
    page.click("#outputs li:last-child button")
    settle(page)
    paper = rgb(page.ask("getComputedStyle(document.body).backgroundColor"))
    assert (sum(paper[:3]) > 600) == (scheme == "light")
    selectors = ["body", "#about", "#figures", "#check", "#entry button", "#hint", ".figure"]
    for selector in [*selectors, "#matrix tbody td", "#sources .token", "#chosen .token"]:
        assert contrast(page, selector, paper) > 4.5


def test_tokens_appear_one_after_the_other_unless_motion_is_reduced(visit):
    page = visit(motion="no-preference")
    page.ask("window.delay = 0; window.started = performance.now()")
    translate(page, "abc abc")
    assert page.ask("performance.now() - started") > 7 * 45
    assert page.ask("getComputedStyle(document.querySelector('td')).transitionDuration") == "0.15s"


def test_the_page_requests_files_only_from_its_own_server(visit, site):
    page = visit()
    asked = [e["params"]["request"]["url"] for e in page.events if "request" in e.get("params", {})]
    assert len(asked) > 8
    assert all(url.startswith((f"{site[1]}plain/", "data:")) for url in asked)
    refused = "fetch('http://127.0.0.1:9/').catch((error) => error.name)"
    assert page.ask(refused) == "TypeError"
    assert any("Content Security Policy" in str(event) for event in page.events)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("model.tflite", None, "./model.tflite: the server returned HTTP 404."),
        (
            "model.tflite",
            lambda _: b"TFL3",
            "expected a TFLite file that keras-attention exported.",
        ),
        (
            "model.tflite",
            lambda content: content.replace(b'"format": 1', b'"format": 2'),
            "expected 1 as the setting format. Received: 2.",
        ),
        ("page.json", None, "page.json: the server returned HTTP 404."),
    ],
)
def test_the_page_shows_why_the_model_cannot_be_loaded(
    window, site, tmp_path, name, change, reason
):
    export_web(site[0] / "plain.tflite", tmp_path / "page", runtime=site[0])
    path = tmp_path / "page" / name
    content = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(content))
    with served(tmp_path / "page") as address:
        page = open_page(window, address)
        assert page.text("#status") == f"The model cannot be loaded: {reason}"


def test_a_page_that_is_opened_as_a_file_explains_how_to_serve_it(window, site):
    window.open(site[0] / "plain" / "index.html")
    assert window.text("#status").startswith("Browsers do not load a model from a file. Serve")
