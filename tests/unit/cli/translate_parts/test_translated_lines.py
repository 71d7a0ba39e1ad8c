"""`translate` prints one line for each line of input, with a stub translator."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence
from keras_attention.cli.lines import InputLines, OnError
from keras_attention.cli.stopping import report_stop, stop_on_signals
from keras_attention.cli.translate_parts import translated_lines
from keras_attention.cli.translate_parts.translated_lines import answer_here
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.errors import InputError, TextError
from keras_attention.translation.result import Hypothesis, Translation

LINES = b"one\n\xff\n\nlonger\nfive\n"
UNKNOWN = (
    "note: the model does not know some tokens, such as 'v' ({file}, line 5). Lines with such "
    "tokens: 1 of 5; their translations may be wrong."
)
WRONG = [
    "{file}, line 2: expected UTF-8 text. Received: byte 0xff at column 1 of the line.",
    "{file}, line 4: expected at most 5 letters. Received: 6.",
]
MISSING = (
    "note: lines without output because no hypothesis has a finite score: 1; the model's weights "
    "may be damaged."
)


def translate(texts):
    """Translate to upper case; reject long texts, and return no hypothesis for an empty one."""
    for position, text in enumerate(texts):
        if len(text) > 5:
            raise TextError(f"expected at most 5 letters. Received: {len(text)}.", position)
        hypothesis = Hypothesis(text.upper(), -1.0, (text, "</s>"), np.zeros((2, 1)))
        unknown = tuple(letter for letter in text if letter == "v")
        yield Translation(text, (text,), (hypothesis,) if text else (), unknown)


def run_translate(translate, file, size, columns, **options):
    """Run the command with a stub translator in this process."""
    answer_all = answer_here(lambda first: translate, columns)
    translated_lines.run_translate(answer_all, file, size, columns, **options)


def test_the_input_is_not_overwritten(file):
    with pytest.raises(InputError, match="--output must not be a file that is read"):
        run_translate(translate, file, 2, Columns(), output=Path(file))
    assert Path(file).read_bytes() == LINES


@pytest.fixture
def file(tmp_path):
    (tmp_path / "in.txt").write_bytes(LINES)
    return os.fspath(tmp_path / "in.txt")


@pytest.mark.parametrize("size", [1, 2, 64])
@pytest.mark.parametrize(
    ("on_error", "expected", "count"),
    [
        (OnError.SKIP, "ONE\n\nFIVE\n", "skipped 2 lines that cannot be used."),
        (OnError.EMPTY, "ONE\n\n\n\nFIVE\n", "left empty 2 lines that cannot be used."),
    ],
)
def test_unusable_lines_are_named_and_counted(file, capsys, size, on_error, expected, count):
    run_translate(translate, file, size, Columns(), on_error=on_error)
    out, err = capsys.readouterr()
    assert out == expected
    problems = [line.format(file=file) for line in WRONG]
    assert err.splitlines() == [*problems, count, UNKNOWN.format(file=file), MISSING]


def test_a_typed_line_with_unknown_tokens_is_followed_by_the_note(file, capsys, monkeypatch):
    monkeypatch.setattr(InputLines, "are_typed", True)
    run_translate(translate, file, 1, Columns(), on_error=OnError.SKIP)
    err = capsys.readouterr().err.splitlines()
    known = f"note: the model does not know some tokens, such as 'v' ({file}, line 5)"
    assert err[2:4] == [
        f"{known}; the translation may be wrong.",
        "skipped 2 lines that cannot be used.",
    ]


@pytest.mark.parametrize("size", [1, 64])
def test_translation_stops_at_the_first_unusable_line(file, capsys, tmp_path, size):
    with pytest.raises(InputError) as caught:
        run_translate(translate, file, size, Columns())
    assert str(caught.value) == WRONG[0].format(file=file)
    (tmp_path / "in.txt").write_bytes(LINES.replace(b"\xff", b"two"))
    with pytest.raises(InputError) as caught:
        run_translate(translate, file, size, Columns())
    assert str(caught.value) == WRONG[1].format(file=file)
    assert capsys.readouterr() == ("ONE\nONE\nTWO\n\n", "")


def test_the_output_file_is_written_completely_or_not_at_all(file, capsys, tmp_path):
    path = tmp_path / "new" / "out.txt"
    with pytest.raises(InputError):
        run_translate(translate, file, 2, Columns(), output=path)
    assert not path.parent.exists()
    run_translate(translate, file, 2, Columns(), on_error=OnError.EMPTY, output=path)
    assert path.read_bytes() == b"ONE\n\n\n\nFIVE\n"
    assert os.listdir(path.parent) == ["out.txt"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("output", ["out.txt", None])
def test_an_interrupt_reports_that_the_output_was_not_written(output, file, capsys, tmp_path):
    path = output and tmp_path / output
    if path:
        path.write_text("old")

    def stopped(texts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        run_translate(stopped, file, 2, Columns(), output=path)
    assert report_stop() == 130
    message = f"Stopped. Nothing was written to {path}.\n" if path else ""
    assert capsys.readouterr().err == message
    assert path is None or (path.read_text(), len(os.listdir(tmp_path))) == ("old", 2)


def test_columns_of_an_unusable_line_are_empty(file, capsys):
    options = {"on_error": OnError.EMPTY}
    run_translate(translate, file, 64, Columns(scores=True), **options)
    assert capsys.readouterr().out == "-1.0000\tONE\n\n-inf\t\n\n-1.0000\tFIVE\n"
    run_translate(translate, file, 64, Columns(nbest=2), **options)
    assert capsys.readouterr().out == "0\tONE\n1\t\n2\t\n3\t\n4\tFIVE\n"
    run_translate(translate, file, 64, Columns(as_json=True), **options)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["source"] for each in found] == ["one", "", "", "longer", "five"]
    assert [len(each["hypotheses"]) for each in found] == [1, 0, 0, 0, 1]
    problems = [each["error"] for each in found if "error" in each]
    assert problems == [line.format(file=file) for line in WRONG]


def test_progress_is_shown_on_terminals(file, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run_translate(translate, file, 2, Columns(), on_error=OnError.SKIP)
    out, err = capsys.readouterr()
    assert out == "ONE\n\nFIVE\n"
    assert "5/5" in err and "lines/s" in err


def test_marked_lines_are_counted_on_standard_error(file, capsys):
    columns = Columns(minimum=MinimumConfidence(0.5))
    run_translate(translate, file, 2, columns, on_error=OnError.EMPTY)
    out, err = capsys.readouterr()
    assert out == "ok\tONE\n\ncheck\t\n\nok\tFIVE\n"
    assert err.splitlines()[-1] == "lines below a confidence of 0.5: 1"
