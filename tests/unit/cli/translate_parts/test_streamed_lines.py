"""`translate --stream` prints each part of an output as soon as it is known."""

from types import SimpleNamespace

import pytest
from support import random_translator
from typer.testing import CliRunner

from keras_attention import CharacterTokenizer, InputError, Vocabulary
from keras_attention.cli.commands import app
from keras_attention.cli.lines import InputLines, OnError
from keras_attention.cli.output_limit import read_limit
from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.cli.translate_parts.streamed_lines import (
    check_combined,
    open_stream,
    run_stream,
)
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.conversion import export_tflite

LETTERS = CharacterTokenizer(Vocabulary("ab한"))
LINES = ["ab", "", "a" * 30, "ba"]


@pytest.fixture(scope="module")
def translator():
    return random_translator(LETTERS, lengths=(16, 6), ends=1.0)


@pytest.fixture(scope="module")
def folder(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    translator.save(folder)
    export_tflite(translator, folder / "model.tflite")
    return folder


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return str(tmp_path / "lines.txt")


@pytest.mark.parametrize("name", ["", "model.tflite"])
def test_the_printed_lines_are_the_greedy_translations(name, folder, lines, translator, capsys):
    stream, source = open_stream(TranslationJob(folder / name, max_tokens=20))
    run_stream(stream, source, lines, OnError.EMPTY)
    texts = [translator(line, beam_width=1).text if len(line) < 20 else "" for line in LINES]
    printed = capsys.readouterr()
    assert printed.out == "".join(f"{text}\n" for text in texts)
    expected = f"{lines}, line 3: expected at most 20 tokens including </s>. Received: 31."
    assert printed.err.splitlines() == [expected, "left empty 1 line that cannot be used."]


def test_a_line_that_cannot_be_used_is_skipped_or_ends_the_output(folder, lines, capsys):
    streamed = open_stream(TranslationJob(folder, search={"max_length": 3}, max_tokens=20))
    run_stream(*streamed, lines, OnError.SKIP)
    assert capsys.readouterr().out.count("\n") == 3
    with pytest.raises(InputError, match="line 3: expected at most 20 tokens"):
        run_stream(*streamed, lines, OnError.STOP)
    assert capsys.readouterr().out.count("\n") == 2


def test_an_error_that_is_not_about_a_line_ends_the_command(lines):
    def stream(text):
        raise InputError("the export cannot stream.")

    with pytest.raises(InputError, match="the export cannot stream"):
        run_stream(stream, None, lines, OnError.EMPTY)


@pytest.mark.parametrize("name", ["", "model.tflite"])
def test_lines_with_unknown_tokens_are_counted(name, folder, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("ab\n한x學\n\nx\n", encoding="utf-8")
    run_stream(*open_stream(TranslationJob(folder / name)), f"{tmp_path}/lines.txt", OnError.STOP)
    assert capsys.readouterr().err == (
        f"note: the model does not know some tokens, such as 'x' ({tmp_path}/lines.txt, line 2). "
        "Lines with such tokens: 2 of 4; their translations may be wrong.\n"
    )


def test_a_typed_line_with_unknown_tokens_is_followed_by_the_note(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(InputLines, "are_typed", True)
    (tmp_path / "lines.txt").write_text("x\nab\ny\n", encoding="utf-8")
    run_stream(*open_stream(TranslationJob(folder)), f"{tmp_path}/lines.txt", OnError.STOP)
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(f"'x' ({tmp_path}/lines.txt, line 1); the translation may be wrong.")
    assert second.endswith(f"'y' ({tmp_path}/lines.txt, line 3); the translation may be wrong.")


def test_a_saved_model_is_checked_before_the_first_line(tmp_path, monkeypatch):
    def stream(text, *, features):
        raise InputError("the export is older.")

    (tmp_path / "saved_model.pb").touch()
    monkeypatch.setattr(SavedModelTranslator, "load", lambda path: SimpleNamespace(stream=stream))
    with pytest.raises(InputError, match="the export is older"):
        open_stream(TranslationJob(tmp_path))


def test_an_allowed_output_that_cannot_be_used_is_named_by_its_line(folder, tmp_path):
    (tmp_path / "names.txt").write_text("a\nax\n")
    limit = read_limit(tmp_path / "names.txt", None)
    with pytest.raises(InputError, match=r"names.txt, line 2: expected tokens of the target"):
        open_stream(TranslationJob(folder, search=limit))


def test_only_greedy_search_is_streamed_and_an_export_has_its_own_settings(folder):
    with pytest.raises(InputError, match="`beam_width` must be 1 to stream"):
        open_stream(TranslationJob(folder, search={"beam_width": 2}))
    with pytest.raises(InputError, match="Received: --max-length"):
        open_stream(TranslationJob(folder / "model.tflite", search={"max_length": 2}))
    open_stream(TranslationJob(folder / "model.tflite", search={"beam_width": 1}))


def test_options_that_print_more_than_the_text_are_refused():
    check_combined(nbest=False, output=None)
    with pytest.raises(InputError, match="Received: --stream and --min-confidence"):
        check_combined(scores=False, min_confidence="auto")


@pytest.mark.parametrize("given", [["--threshold", "0"], ["--words"]])
def test_options_of_links_are_refused(given):
    error = CliRunner().invoke(app, ["translate", "model", "--stream", *given]).exception
    assert isinstance(error, InputError) and f"Received: --stream and {given[0]}." in str(error)
