"""The page of docs/browser in a headless Chromium, with a runtime that repeats the source."""

import functools
import json
import shutil
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.translation.codec import TextCodec

PAGE = Path(__file__).parents[2] / "docs" / "browser"
LIMIT = 12
RUNTIME = """
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
window.runs = { now: 0, most: 0 };
async function run(name, inputs) {
  runs.most = Math.max(runs.most, ++runs.now);
  await new Promise((done) => setTimeout(done, 5));
  runs.now--;
  const source = inputs.source.values;
  if (name === "encode") return { state_0: new Tensor(Int32Array.of(0)) };
  const place = inputs.state_0.values[0];
  const log_probabilities = new Float32Array(9).fill(-9).with(source[place], 0);
  return {
    log_probabilities: new Tensor(log_probabilities),
    alignment: new Tensor(new Float32Array(source.length)),
    state_0: new Tensor(Int32Array.of(place + 1)),
  };
}
export const loadAndCompile = async () => ({
  signatures: { encode: signature("source"), decode_step: signature("source", "state_0") },
  run,
});
"""


class Uncached(SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *arguments):
        pass


def write_model(path, without=""):
    """Write the archive of an exported file, after bytes that this runtime does not read."""
    tokenizer = CharacterTokenizer(Vocabulary("abc"))
    files = TextCodec(tokenizer, tokenizer, SearchSettings(LIMIT, LIMIT)).to_files()
    files["manifest.json"] = json.dumps({"max_source_length": LIMIT, "max_length": LIMIT}).encode()
    path.write_bytes(b"TFL3")
    with zipfile.ZipFile(path, "a") as archive:
        for name in files.keys() - {without}:
            archive.writestr(name, files[name])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the page and the runtime; yield the folder and its address."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("index.html", "translator.js", "tokenizer.js"):
        shutil.copy(PAGE / name, folder)
    runtime = folder / "node_modules/@litertjs/core/dist/index.js"
    runtime.parent.mkdir(parents=True)
    runtime.write_text(RUNTIME)
    handler = functools.partial(Uncached, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(window, site):
    folder, address = site
    write_model(folder / "model.tflite")
    return open_page(window, address)


def open_page(window, address):
    window.events.clear()
    window.do("Page.navigate", url=f"{address}/index.html")
    window.wait_for("Page.loadEventFired")
    window.until("!document.querySelector('#status').textContent.startsWith('Loading')")
    return window


def enter(page, text):
    page.ask(f"text.value = {json.dumps(text)}; text.dispatchEvent(new Event('change'))")


def shown(page):
    """Wait for the end of the answer; return it and the status."""
    page.until("!document.querySelector('#status').textContent.startsWith('Translating')")
    return page.text("#translation"), page.text("#status")


def test_the_page_shows_an_answer(page):
    assert page.text("#status") == "Ready."
    enter(page, "abcab")
    assert shown(page) == ("abcab", "Done.")


@pytest.mark.parametrize(
    ("unusable", "status"),
    [
        ("", "The output is empty."),
        ("a" * LIMIT, f"Error: expected at most {LIMIT} tokens with </s>. Received: {LIMIT + 1}."),
    ],
)
def test_an_unusable_text_clears_the_earlier_answer(page, unusable, status):
    enter(page, "abc")
    assert shown(page)[0] == "abc"
    enter(page, unusable)
    assert shown(page) == ("", status)
    enter(page, "c")
    assert shown(page) == ("c", "Done.")


def test_a_new_text_stops_the_answer_to_the_text_before_it(page):
    page.ask("window.seen = []")
    page.ask(
        """new MutationObserver(() => seen.push(translation.textContent))
        .observe(translation, { childList: true })"""
    )
    for text in ("a" * 10, "b" * 10, "ccc"):
        enter(page, text)
    assert shown(page) == ("ccc", "Done.")
    page.ask("new Promise((done) => setTimeout(done, 200))")
    assert page.text("#translation") == "ccc"
    assert [text for text in page.ask("seen") if text] == ["c", "cc", "ccc"]
    assert page.ask("runs.most") == 1


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.unlink(), "./model.tflite: the server returned HTTP 404"),
        (
            lambda path: path.write_bytes(b"TFL3"),
            "expected a TFLite file that keras-attention exported",
        ),
        (
            lambda path: write_model(path, without="source.vocabulary.txt"),
            "the source has a subword tokenizer, which translator.js does not support",
        ),
    ],
)
def test_the_page_shows_why_the_model_cannot_be_loaded(window, site, write, reason):
    folder, address = site
    write_model(folder / "model.tflite")
    write(folder / "model.tflite")
    page = open_page(window, address)
    assert page.text("#status") == f"The model cannot be loaded: {reason}"
