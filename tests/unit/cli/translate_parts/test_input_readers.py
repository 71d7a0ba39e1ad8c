"""`translate --format` reads the sources of a file of pairs, and names the rows without one."""

import json
import os

import pyarrow
import pyarrow.parquet
import pytest

from keras_attention.cli.lines import InputLines
from keras_attention.cli.translate_parts.input_readers import open_reader
from keras_attention.errors import InputError


@pytest.fixture
def read(tmp_path):
    """Return `read(content, format, *settings)`, which opens a new file with this content."""

    def read(content, name, *settings):
        path = tmp_path / "in"
        if name == "parquet":
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(content), path)
        else:
            path.write_bytes(content.encode())
        file = os.fspath(path)
        return InputLines(file, reader=open_reader(file, name, settings))

    return read


def test_the_line_of_a_row_is_found_if_fields_have_line_feeds(read):
    text = 'id,text\n1,one\n2,"two\n\nlines"\n3,three\n4,""\n5,"a\nb"\n6,six\n'
    lines = read(text, "csv", "header=true", "source_column=text")
    assert [*lines] == ["one", "two lines", "three", "", "a b", "six"]
    places = [lines.place(number).rpartition(", ")[2] for number in range(6)]
    assert places == ["line 2", "line 3", "line 6", "line 7", "line 8", "line 10"]
    assert lines.count() == 6


def test_columns_and_fields_are_chosen_as_for_pairs(read):
    assert [*read("1\tone\n2\t\n\ttwo\n", "tsv", "source_column=2")] == ["one", "", "two"]
    assert [*read("one\n\ntwo\tx\n", "tsv")] == ["one", "", "two"]
    assert [*read("1;one\n", "csv", "delimiter=;", "source_column=2")] == ["one"]
    rows = [{"source": "a", "x": {"en": "one"}}, {"source": "", "x": {"en": "two\r\nlines"}}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for content, name in ((text, "jsonl"), (rows, "parquet")):
        assert [*read(content, name)] == ["a", ""]
        assert [*read(content, name, "data.source_column=x.en")] == ["one", "two lines"]


def test_a_row_without_a_source_does_not_end_the_file(read, tmp_path):
    path = tmp_path / "in"
    first, second, third = read("1\tone\n2\n3\tthree\n", "tsv", "source_column=2")
    assert (first, third) == ("one", "three")
    assert str(second) == f"{path}, line 2: expected a source in column 2. Received: one column."
    found = [*read('{"source": "a"}\n{"x": "b"}\n{"source": null}\n{"source": "c"}\n', "jsonl")]
    assert (found[0], found[3]) == ("a", "c")
    assert [str(each) for each in found[1:3]] == [
        f"{path}, line 2: expected the field 'source' (data.source_column). Received: 'x'.",
        f"{path}, line 3: expected a text in the field 'source'. Received: None.",
    ]
    second = [*read([{"source": "a"}, {"source": None}], "parquet")][1]
    assert str(second) == f"{path}, row 2: expected a text in the field 'source'. Received: None."


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        ("1,one\n", "tsv", "in, line 1: expected a source in column 2. Received: one column."),
        ('{"x": "b"}\n', "jsonl", "in, line 1: expected the field '2'"),
        ([{"x": "a"}], "parquet", "in, row 1: expected the field '2'"),
    ],
)
def test_a_first_row_without_the_column_is_an_error(content, name, problem, read):
    with pytest.raises(InputError) as error:
        list(read(content, name, "source_column=2"))
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        (
            "xml",
            [],
            "--format must be one of lines, tsv, csv, jsonl, parquet. Received: --format x",
        ),
        ("lines", ["header=true"], "--set requires --format tsv, csv, jsonl or parquet. Received:"),
        ("csv", ["target_column=2"], "--set must set one of delimiter, header, source_column here"),
        ("csv", ["source_column=en"], "or a column name with data.header=true. Received"),
        ("parquet", [], "--format parquet requires a FILE. Received: standard input."),
    ],
)
def test_options_that_do_not_fit_are_an_error(name, settings, problem):
    with pytest.raises(InputError) as error:
        open_reader("-", name, settings)
    assert problem in str(error.value)


def test_json_lines_are_read_from_standard_input(monkeypatch, tmp_path):
    (tmp_path / "typed").write_text('{"source": "one"}\n{"source": 2}\n')
    with open(tmp_path / "typed") as file:
        monkeypatch.setattr("sys.stdin", file)
        first, second = InputLines("-", reader=open_reader("-", "jsonl", []))
    assert first == "one"
    assert str(second).startswith("standard input, line 2: expected a text in the field 'source'")
