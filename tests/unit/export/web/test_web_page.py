"""The folder of a web page: what it contains, and what is refused."""

import json
import re
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from support import write_runtime

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.export import export_web
from keras_attention.export.web.litert_js import FILES, fetch_runtime, find_runtime
from keras_attention.export.web.page_server import PageServer
from keras_attention.export.web.web_page import check_tokenizers, is_web_page
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.translation.codec import TextCodec
from keras_attention.visualization.html_page import digest_of

ROOT = Path(__file__).parents[4]
DATES = ROOT / "saved_models" / "pretrained" / "dates.tflite"


@pytest.fixture
def npm(tmp_path):
    """Return a folder with a stand-in for the runtime."""
    return write_runtime(tmp_path / "npm")


@pytest.fixture
def page(npm, tmp_path):
    folder = tmp_path / "page"
    return export_web(DATES, folder, runtime=npm, title="a <b>", examples=["march 3"])


def test_the_folder_has_the_model_and_every_file_that_the_page_names(page):
    assert (page / "model.tflite").read_bytes() == DATES.read_bytes()
    described = json.loads((page / "page.json").read_text())
    assert described == {
        "format": 1,
        "title": "a <b>",
        "model": "model.tflite",
        "examples": ["march 3"],
    }
    index = (page / "index.html").read_text()
    modules = json.loads(re.search(r"importmap\">(.*?)</script>", index)[1])["imports"]
    names = [*modules.values(), *re.findall(r'src="(\./[^"]*)"', index)]
    for script in page.glob("*.js"):
        names += re.findall(r'(?:from |import\()"(\./[^"]*)"', script.read_text())
    assert {"./page.js", "./drawing.js", "./translator.js", "./choice.js"} < set(names)
    assert all((page / name).is_file() for name in names)
    assert all((page / "litert" / name).is_file() for name in FILES)


def test_the_page_escapes_its_title_and_allows_only_its_own_code(page):
    index = (page / "index.html").read_text()
    assert "<h1>a &lt;b&gt;</h1>" in index
    policy = re.search(r'Policy" content="([^"]*)"', index)[1]
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy
    for inline in re.findall(r"<(?:script|script type=\"importmap\"|style)>(.*?)</", index, re.S):
        assert digest_of(inline) in policy


def test_a_page_replaces_only_an_earlier_page_or_an_empty_folder(page, npm, tmp_path):
    export_web(DATES, page, runtime=npm)
    assert is_web_page(page) and "<h1>dates</h1>" in (page / "index.html").read_text()
    (tmp_path / "empty").mkdir()
    export_web(DATES, tmp_path / "empty", runtime=npm)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "page.json").write_text("{}")
    for folder, received in (("full", "a folder with thesis.tex"), ("page.json", "a file")):
        with pytest.raises(InputError, match=rf"a new or empty folder .* Received: {received}\."):
            export_web(DATES, tmp_path / folder, runtime=npm)
    assert (tmp_path / "full" / "thesis.tex").is_file()


@pytest.mark.parametrize(
    ("example", "received"),
    [("", "'' with 1"), ("a" * 64, r"'a{39,40} with 65"), (" ", "' ' with 1")],
)
def test_an_example_that_the_page_cannot_translate_is_refused(npm, tmp_path, example, received):
    with pytest.raises(
        InputError, match=rf"at most 64 tokens including </s>. Received: {received}\."
    ):
        export_web(DATES, tmp_path / "page", runtime=npm, examples=[example])
    assert not (tmp_path / "page").exists()


def test_a_single_example_must_be_in_a_list(npm, tmp_path):
    with pytest.raises(TypeError, match="`examples` must be an iterable .* Received: 'march 3'"):
        export_web(DATES, tmp_path / "page", runtime=npm, examples="march 3")


def test_a_subword_tokenizer_is_refused():
    learned = learn_subwords(["ab abc bc"] * 9, 10)
    codec = TextCodec(
        CharacterTokenizer(Vocabulary("ab")),
        make_tokenizer("subword", learned),
        SearchSettings(5, 7),
    )
    with pytest.raises(InputError, match=r"^m: .* Received: a subword tokenizer of the target\.$"):
        check_tokenizers(codec, "m")


def test_the_runtime_is_found_where_npm_installs_it(npm, tmp_path):
    found = npm / "node_modules" / "@litertjs"
    assert find_runtime(npm) == find_runtime(npm / "node_modules") == found
    (found / FILES[-1]).unlink()
    with pytest.raises(InputError, match=rf"npm install @litertjs/core@.*{FILES[-1]}\.$"):
        find_runtime(npm)
    with pytest.raises(InputError, match=r"no file .*core/package\.json\.$"):
        find_runtime(tmp_path / "nowhere")


def test_npm_downloads_the_runtime_to_a_folder_that_is_removed(npm, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec cp -r "{npm}/node_modules" "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with fetch_runtime() as folder:
        assert (find_runtime(folder) / FILES[0]).is_file()
    assert not folder.exists()
    program.write_text("#!/bin/sh\necho 'npm error code E404' >&2\nexit 1\n")
    with (
        pytest.raises(InputError, match="npm failed. Received: npm error code E404"),
        fetch_runtime(),
    ):
        pass
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="--fetch-runtime requires npm"), fetch_runtime():
        pass


def test_the_server_serves_the_folder_on_this_machine_only(page):
    with PageServer(0) as server:
        Thread(target=server.serve, args=(page,), daemon=True).start()
        assert server.address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(server.address) as answer:
            assert answer.read() == (page / "index.html").read_bytes()
            assert answer.headers["Cache-Control"] == "no-cache"
        kinds = {"page.js": "text/javascript", f"litert/{FILES[-1]}": "application/wasm"}
        for name, kind in kinds.items():
            with urllib.request.urlopen(server.address + name) as answer:
                assert answer.headers["Content-Type"] == kind
        (page.parent / "secret").write_text("x")
        connection = HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/../secret")
        assert connection.getresponse().status == 404
        connection.close()
        with pytest.raises(InputError, match=r"cannot be used; choose another port, or 0"):
            PageServer(server.server_port)
        server.shutdown()


def test_every_script_of_the_page_is_installed():
    package = (ROOT / "setup.cfg").read_text()
    assert "keras_attention.export.web = page/*" in package
