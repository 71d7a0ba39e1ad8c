import gzip
import os
import threading

import pytest
from typer.testing import CliRunner

from keras_attention.cli.commands import app
from keras_attention.cli.lines import (
    InputLines,
    available_batches,
    check_output,
    checked_text,
    note_table,
    open_lines,
)
from keras_attention.errors import InputError


def test_line_numbers_continue_across_batches(tmp_path):
    batches = list(available_batches((str(n) for n in range(10)), 4))
    assert [line for batch in batches for line in batch.lines] == [str(n) for n in range(10)]
    assert [number for batch in batches for number in batch.numbers] == list(range(10))
    assert max(len(batch.lines) for batch in batches) <= 4
    assert list(available_batches([], 4)) == []


def test_a_single_line_does_not_wait_for_others():
    more = threading.Event()

    def lines():
        yield "first"
        assert more.wait(10)
        yield "second"

    batches = available_batches(lines(), 64)
    assert next(batches) == ([0], ["first"])
    more.set()
    assert next(batches) == ([1], ["second"])
    assert next(batches, None) is None


def test_lines_that_are_ready_form_one_batch():
    read = threading.Event()

    def lines():
        yield from "abc"
        read.set()

    batches = available_batches(lines(), 64)
    first = next(batches)
    assert read.wait(10)
    assert [*first.lines, *(line for batch in batches for line in batch.lines)] == ["a", "b", "c"]


def test_an_error_is_raised_after_the_lines_before_it():
    def lines():
        yield "good"
        raise InputError("line 2 is bad")

    found = []
    with pytest.raises(InputError, match="line 2 is bad"):
        for batch in available_batches(lines(), 8):
            found += batch.lines
    assert found == ["good"]


def test_standard_input_is_read_as_utf8(monkeypatch, tmp_path):
    (tmp_path / "typed").write_bytes("\ufeff한\r\n\n😀".encode())
    with open(tmp_path / "typed", encoding="ascii") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert list(open_lines("-")) == ["한", "", "😀"]


def test_standard_input_must_be_utf8(monkeypatch, tmp_path):
    (tmp_path / "typed").write_bytes(b"a\n\xff\n")
    with open(tmp_path / "typed") as file:
        monkeypatch.setattr("sys.stdin", file)
        lines = open_lines("-")
        assert next(lines) == "a"
        with pytest.raises(InputError, match="standard input, line 2: expected UTF-8"):
            next(lines)


def test_closed_standard_input_is_an_input_error(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed; give a FILE"):
        open_lines("-")


def test_lines_are_read_from_a_named_file(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb", encoding="utf-8")
    assert list(open_lines(os.fspath(tmp_path / "lines.txt"))) == ["a", "b"]


def test_an_argument_must_be_utf8():
    assert checked_text("날짜 😀") == "날짜 😀"
    with pytest.raises(InputError, match=r"TEXT: expected UTF-8. Received: '\\udcff'"):
        checked_text(os.fsdecode(b"\xff"))


def test_a_line_that_is_not_utf8_does_not_end_the_file(tmp_path):
    path = os.fspath(tmp_path / "lines.txt")
    (tmp_path / "lines.txt").write_bytes("\ufeffa\r\n".encode() + b"\xff\nb\n\xe9")
    first, second, third, fourth = InputLines(path)
    assert (first, third) == ("a", "b")
    assert str(second).startswith(f"{path}, line 2: expected UTF-8 text. Received: byte 0xff")
    assert str(fourth).startswith(f"{path}, line 4: expected UTF-8 text. Received: byte 0xe9")
    batches = list(available_batches(InputLines(path), 3))
    assert [number for batch in batches for number in batch.numbers] == [0, 1, 2, 3]
    with pytest.raises(InputError, match="none.txt: expected a file that can be read"):
        list(available_batches(InputLines(os.fspath(tmp_path / "none.txt")), 3))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("pairs.tsv", b"a\tb\nc\td\n", "tsv"),
        ("sheet.csv", b"a,b\n", "csv"),
        ("half.CSV", b"\xef\xbb\xbfa;b\n", "csv"),
        ("more.jsonl.gz", gzip.compress(b'{"source": "a"}\n', mtime=0), "jsonl"),
        ("words.tsv", b"a, b\nc\td\n", ""),
        ("words.csv", b"a b\n", ""),
        ("lines.txt", b"a\tb\n", ""),
        ("odd.tsv", b"\xff\t\n", ""),
        ("empty.csv", b"", ""),
    ],
)
def test_a_table_that_is_read_as_lines_gets_a_note(name, content, kind, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(content)
    expected = f"note: {path} seems to be {kind}, but each line is read as one text. Use {kind}.\n"
    for given in (path, tmp_path / f"*{path.suffix}"):
        note_table(os.fspath(given), "Use {}.")
        assert capsys.readouterr().err == (expected if kind else "")


def test_other_input_than_a_file_gets_no_note(tmp_path, capsys):
    for given in (None, "-", os.fspath(tmp_path / "none.csv")):
        note_table(given)
    assert capsys.readouterr().err == ""


def test_an_output_must_not_be_a_file_that_a_pattern_matches(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("a\n")
    with pytest.raises(InputError, match="--report must not be a file that is read. Received: .*b"):
        check_output(tmp_path / "b.txt", None, "-", tmp_path / "*.txt", option="--report")
    check_output(tmp_path / "b.txt", tmp_path / "a*.txt", tmp_path / "none.txt")


@pytest.mark.parametrize(
    "command",
    [
        "translate m - --allowed {0}/a.txt --output {0}/a.txt",
        "evaluate m --allowed {0}/a.txt --output {0}/a.txt",
        "evaluate m --data {0}/*.txt --output {0}/a.txt",
    ],
)
def test_commands_do_not_replace_what_they_read(command, tmp_path):
    (tmp_path / "a.txt").write_text("a\n")
    error = CliRunner().invoke(app, command.format(tmp_path).split()).exception
    assert isinstance(error, InputError) and "--output must not be a file that is read" in str(
        error
    )


def test_a_pattern_skips_the_files_in_the_argument_besides(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("a\n")
    besides = [(tmp_path / "b.txt").resolve()]
    assert InputLines(f"{tmp_path}/*.txt", besides=besides).files == [str(tmp_path / "a.txt")]
    assert InputLines(str(tmp_path / "b.txt"), besides=besides).files == [str(tmp_path / "b.txt")]
    with pytest.raises(InputError, match="Received: no file besides the unfinished output"):
        InputLines(f"{tmp_path}/b*", besides=besides)
