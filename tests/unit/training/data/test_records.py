"""JSON lines and Parquet may have nested fields; errors name the malformed record."""

import gzip
import json
import sys

import pyarrow
import pyarrow.parquet
import pytest

from keras_attention.errors import InputError
from keras_attention.training.data import records
from keras_attention.training.data.pairs import read_pairs
from keras_attention.training.recipe.data_config import RECORDS, DataConfig

PAIRS = [("Bring wine.", "와인을 가져와."), ("two\nlines", "zwei\r\n"), (" a ", "\ud55c")]
AS_READ = [("Bring wine.", "와인을 가져와."), ("two lines", "zwei"), (" a ", "\ud55c")]
NESTED = {"source_column": "translation.en", "target_column": "translation.xx"}


def write(path, rows, form):
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


@pytest.fixture
def read(tmp_path):
    def read(rows, form, **settings):
        path = write(tmp_path / f"pairs.{form}", rows, form)
        return read_pairs(DataConfig(format=form, path=path, **settings))

    return read


@pytest.mark.parametrize("form", RECORDS)
def test_records_are_read_in_order_by_plain_nested_and_dotted_names(form, read, monkeypatch):
    monkeypatch.setattr(records, "_ROWS", 2)
    rows = [{"target": target, "id": n, "source": s} for n, (s, target) in enumerate(PAIRS)]
    assert read(rows, form) == AS_READ
    rows = [{"translation": {"en": source, "xx": target}} for source, target in PAIRS]
    assert read(rows, form, **NESTED) == AS_READ
    rows = [{"translation.en": source, "translation.xx": target} for source, target in PAIRS]
    assert read(rows, form, **NESTED) == AS_READ


def test_json_lines_may_be_compressed_and_start_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress('\ufeff{"source": "a", "target": "b"}'.encode()))
    assert read_pairs(DataConfig(format="jsonl", path=str(path))) == [("a", "b")]


@pytest.mark.parametrize("form", RECORDS)
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"source": "a"}, "expected the field 'target' (data.target_column). Received: 'source'."),
        (
            {"source": {"en": "a", "x": {"y": "b"}}},
            "expected a text in the field 'source'. Received: {'en': 'a', 'x': {'y': 'b'}}.",
        ),
        (
            {"a": {"en": "a", "x": {"y": "b"}}, "target": "c"},
            "expected the field 'source' "
            "(data.source_column). Received: 'a.en', 'a.x.y', 'target'.",
        ),
        ({"source": "a", "target": 5}, "expected a text in the field 'target'. Received: 5."),
        ({"source": None, "target": "b"}, "expected a text in the field 'source'. Received: None."),
        ({"source": " ", "target": "b"}, "expected a text in the field 'source'. Received: ' '."),
    ],
)
def test_an_error_names_the_record_and_the_field(form, row, message, read):
    first = [] if form == "parquet" else [{"source": "a", "target": "b"}]
    place = "pairs.parquet, row 1: " if form == "parquet" else "pairs.jsonl, line 2: "
    with pytest.raises(InputError) as error:
        read([*first, row], form)
    assert str(error.value).endswith(place + message)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", "an empty line."),
        ("[1, 2]", "'[1, 2]'."),
        ('{"source": "a"', "Expecting ',' delimiter in '{\"source\": \"a\"'."),
        ("[" * 100_000, "a value that is not JSON"),
    ],
)
def test_a_line_that_is_not_an_object_is_an_error(line, found, tmp_path):
    path = tmp_path / "pairs.jsonl"
    record = '{"source": "a", "target": "b"}\n'
    path.write_text(f"{record}{line}\n{record}", "utf-8")
    with pytest.raises(InputError) as error:
        read_pairs(DataConfig(format="jsonl", path=str(path)))
    assert f"pairs.jsonl, line 2: expected a JSON object. Received: {found}" in str(error.value)


def test_half_of_a_surrogate_pair_is_an_error(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"source": "a \\ud800", "target": "b"}\n')
    with pytest.raises(
        InputError, match="line 1: expected valid Unicode text. Received: 'a .ud800"
    ):
        read_pairs(DataConfig(format="jsonl", path=str(path)))


def damage_page(path):
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(byte ^ 255 for byte in content[100:140])
    path.write_bytes(content)


def write_invalid_text(path):
    """Write a column of texts that are not UTF-8, as another program may."""
    ends, content = bytes(4) + (2).to_bytes(4, "little"), b"\xff\xfe"
    buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(content)]
    sources = pyarrow.Array.from_buffers(pyarrow.string(), 1, buffers)
    table = pyarrow.table({"source": sources, "target": ["b"]})
    pyarrow.parquet.write_table(table, path)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damage_page, "Corrupt snappy compressed data"),
        (write_invalid_text, "'utf-8' codec can't decode byte 0xff in position 0"),
    ],
)
def test_a_damaged_parquet_file_is_an_error(damage, problem, tmp_path):
    path = tmp_path / "pairs.parquet"
    write(path, [{"source": f"a {n}", "target": f"b {n}"} for n in range(999)], "parquet")
    damage(path)
    with pytest.raises(InputError) as error:
        list(read_pairs(DataConfig(format="parquet", path=str(path))))
    assert f"{path}: expected a Parquet file. Received: {problem}" in str(error.value)
    assert not str(error.value).endswith("..")


def test_a_file_of_another_kind_or_without_records_is_an_error(read, tmp_path, monkeypatch):
    path = tmp_path / "pairs.parquet"
    path.write_text("a\tb\n" * 9)
    with pytest.raises(InputError, match=r"expected a Parquet file. Received: Parquet magic"):
        read_pairs(DataConfig(format="parquet", path=str(path)))
    with pytest.raises(InputError, match=r"missing.parquet: .* Received: No such file"):
        read_pairs(DataConfig(format="parquet", path=str(tmp_path / "missing.parquet")))
    with pytest.raises(InputError, match="expected a file, or a pattern .* Received: a folder"):
        read_pairs(DataConfig(format="parquet", path=str(tmp_path)))
    path = write(path, [{"source": "a", "target": "b"}], "parquet")
    with pytest.raises(InputError, match=r"Received: a Parquet file; set data.format='parquet'"):
        read_pairs(DataConfig(format="jsonl", path=path))
    for form in RECORDS:
        with pytest.raises(InputError, match="expected pairs. Received: an empty file."):
            read([], form)
    with pytest.raises(InputError, match="must be different fields. Received: 'x' for both."):
        read([], "jsonl", source_column="x", target_column="x")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"requires pyarrow; install it with pip .*\[data\]"):
        read_pairs(DataConfig(format="parquet", path=path))
