from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.cli.translate_parts import server_translator
from keras_attention.cli.translate_parts.server_translator import open_server, open_server_stream
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Translation


@pytest.fixture
def opened(monkeypatch):
    """Record the arguments with which clients are opened and called."""
    found = []

    def client(*arguments, **options):
        found.append((arguments, options))

        def stream(texts, **search):
            found.append((texts, search))
            return (Translation(text, (*text, "</s>"), ()) for text in texts)

        return SimpleNamespace(stream=stream)

    monkeypatch.setattr(server_translator, "ServingClient", client)
    return found


@pytest.mark.parametrize(
    ("model", "name", "version"),
    [
        ("dates", "dates", None),
        ("saved_models/dates", "dates", None),
        ("saved_models/dates/2", "dates", 2),
        ("dates/2", "dates", 2),
        ("2", "2", None),
        ("/dates/", "dates", None),
    ],
)
def test_name_and_version_are_read_from_the_path(opened, model, name, version):
    open_server("localhost:8500", Path(model), {})
    (arguments, options), *_ = opened
    assert arguments == ("localhost:8500", name)
    assert options["version"] == version


def test_the_name_of_a_local_folder_is_the_models_name(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_server("localhost:8500", Path("."), {})
    assert opened[0][0][1] == tmp_path.name


def test_search_options_are_passed_on(opened):
    open_server("a:1", Path("m"), {"beam_width": 4, "length_penalty": 1.0}, nbest=2)(["x"])
    assert opened[1] == (["x"], {"beam_width": 4, "length_penalty": 1.0, "nbest": 2})


@pytest.mark.parametrize("version", ["", "2"])
def test_unknown_tokens_are_found_if_the_models_folder_is_here(opened, tmp_path, version):
    letters = CharacterTokenizer(Vocabulary("ab"))
    for name, content in TextCodec(letters, letters, SearchSettings(9, 9)).to_files().items():
        (tmp_path / name).write_bytes(content)
    (found,) = open_server("a:1", tmp_path / version, {})(["abcc"])
    assert found.unknown_tokens == ("c",)
    stream, source = open_server_stream("a:1", tmp_path / version, {})
    assert source.vocabulary == letters.vocabulary
    (tmp_path / "translator.json").write_text("{")
    (found,) = open_server("a:1", tmp_path / version, {})(["abcc"])
    assert found.unknown_tokens is None


def test_unknown_tokens_are_not_known_if_only_the_name_is_given(opened):
    (found,) = open_server("a:1", Path("m"), {})(["abcc"])
    assert found.unknown_tokens is None
    assert open_server_stream("a:1", Path("m"), {})[1] is None


@pytest.mark.parametrize(
    ("search", "options", "words"),
    [
        ({"top_k": 3}, {}, "supports only the search options --beam.*Received: --top-k"),
        ({"prefix": "a"}, {}, "Received: --prefix"),
        ({}, {"refused": ["--with"]}, "Received: --with"),
    ],
)
def test_options_that_require_the_models_folder_are_rejected(opened, search, options, words):
    with pytest.raises(InputError, match=words):
        open_server("localhost:8500", Path("dates"), search, **options)
    assert opened == []


def test_the_error_about_a_stream_suggests_only_options_that_a_stream_accepts(opened):
    words = "^a:1: a server supports only the search option --beam with --stream. Received: --max-"
    with pytest.raises(InputError, match=words):
        open_server_stream("a:1", Path("dates"), {}, refused=["--max-tokens"])
    assert opened == []
