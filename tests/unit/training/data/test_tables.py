"""Tables: columns, headers, quotes, and notes about signs of a wrong layout."""

import csv
import gzip
import io
import logging
import random
import re

import pytest
from shared_data import SHARED

from keras_attention.errors import InputError
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.recipe.recipe import load_recipe, parse_override
from keras_attention.training.recipe.settings import RecipeSetting

CASES = SHARED.parent / "cases"
QUOTED = {"format": "csv", "delimiter": "\t"}


@pytest.fixture
def write(tmp_path):
    def write(text, name="pairs.tsv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def read(write, caplog):
    """Return `read(text, **settings)`, which returns the pairs and the notes about them."""

    def read(text, **settings):
        caplog.clear()
        config = DataConfig(path=write(text), **{"format": "tsv", **settings})
        with caplog.at_level(logging.INFO, "keras_attention"):
            pairs = read_pairs(config)
        return pairs, [message.partition("pairs.tsv")[2] for message in caplog.messages]

    return read


def problem(read, text, **settings):
    with pytest.raises(InputError) as error:
        read(text, **settings)
    assert "\n" not in str(error.value)
    return str(error.value).partition("pairs.tsv")[2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_files_written_by_the_csv_module_are_read_back(delimiter, read):
    rng = random.Random(1)
    fields = ["a", '"', '""', 'say "hi"', "a,b", "a;b", "a\tb", "한 국", "'", "|", " x "]
    pairs = [tuple("x" + "".join(rng.choices(fields, k=2)) for _ in "st") for _ in range(99)]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(pairs)
    assert read(text.getvalue(), format="csv", delimiter=delimiter) == (pairs, [])


def test_line_feeds_inside_fields_are_read_as_spaces_and_counted(read):
    pairs, notes = read('"two\r\nlines","a\n\nb"\r\none,"c\n"\r\n', format="csv")
    assert pairs == [("two lines", "a b"), ("one", "c")]
    assert notes == [": 3 fields have line feeds, read as spaces."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'a,b\n"c\nd",e\n"f\ng,h\n',
            ", line 4: expected a row of CSV .*: unexpected end of data.",
        ),
        (
            'a,b\n"c"d,e\n',
            r", line 2: expected a row of CSV .* Received: ',' expected after '\"'.",
        ),
        ('a,b\n"c\nd",\n', ", line 2: expected source, comma, target. Received: an empty target."),
        ("a,b\nc\n", ", line 2: expected source, comma, target. Received: one column."),
        ("a;b\n", r", line 1: .*one column. It has semicolons; set .* data.delimiter=';'."),
        ("a\tb\n", r", line 1: .*one column. It has tabs; set data.format='tsv'"),
        ("a,b\n\nc,d\n", ", line 2: expected text. Received: an empty line."),
        ("", ": expected pairs. Received: an empty file."),
        ("a,b\n" + "c" * 140_000 + ",d\n", r", line 2: .*field larger than field limit"),
    ],
)
def test_the_error_about_malformed_csv_has_the_line_where_the_row_starts(text, message, read):
    assert re.match(message, problem(read, text, format="csv"))


def test_a_nul_is_an_ordinary_character_or_an_error(read):
    try:  # only Python 3.10 raises an error
        assert read("a,b\0c\n", format="csv")[0] == [("a", "b\0c")]
    except InputError as error:
        assert "NUL" in str(error)


def test_columns_can_be_chosen_by_number(read):
    text = "1\tone\t9\teins\n2\ttwo\t8\tzwei\n"
    assert read(text, source_column="2", target_column="4") == (
        [("one", "eins"), ("two", "zwei")],
        [],
    )
    assert read(text, source_column="4", target_column="2")[0][0] == ("eins", "one")
    message = problem(read, "1\tone\t9\teins\n2\ttwo\n", source_column="2", target_column="4")
    assert message == (
        ", line 2: expected a source in column 2 and a target in column 4. Received: 2 columns."
    )


def test_columns_can_be_chosen_by_name_in_each_file(write):
    train, held_out = write("id,en,de\n1,a,b\n"), write("de,en\nd,c\n", "dev.csv")
    config = DataConfig(
        format="csv",
        path=train,
        validation_path=held_out,
        header=True,
        source_column="en",
        target_column="de",
    )
    assert split_pairs(config, 1) == ([("a", "b")], [("c", "d")])


def test_a_header_is_skipped_and_counted(read):
    assert read("English\tSpanish\na\tb\n", header=True) == (
        [("a", "b")],
        [": 1 line skipped, the header; 1 pairs"],
    )
    assert problem(read, "a\tb\n", header=True) == ": expected pairs. Received: only a header."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_column": "no"}, r", line 1: expected exactly one column named 'no' .data.source"),
        ({"source_column": "x"}, r", line 1: expected exactly one column named 'x'"),
        ({"target_column": "en"}, "must be different columns. Received: column 1 for both."),
        ({"source_column": "2"}, "must be different columns. Received: column 2 for both."),
    ],
)
def test_ambiguous_or_missing_columns_are_an_error(settings, message, write):
    config = DataConfig(format="tsv", path=write("en\tx\tx\na\tb\tc\n"), header=True, **settings)
    with pytest.raises(InputError, match=message):
        read_pairs(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_column": "en"}, "a column name with data.header=true. Received: "),
        ({"target_column": "0", "header": True}, "must be a number of at least 1"),
        ({"source_column": "9" * 5000}, "below 1,000,000,000, or .* Received: .*'9{40}', data"),
        ({"delimiter": ";"}, r"`data\.delimiter` requires data\.format='csv'"),
        ({"format": "csv", "delimiter": ""}, "must be one character"),
        ({"format": "csv", "delimiter": '"'}, "must be one character"),
        ({"format": "parallel", "header": True}, r"`data\.header` requires data\.format='tsv' or"),
        ({"format": "dates", "source_column": "1"}, r"requires data\.format='tsv' or 'csv'"),
    ],
)
def test_invalid_settings_of_columns_are_an_error(settings, message):
    with pytest.raises(InputError, match=message):
        DataConfig(**{"format": "tsv", **settings})


def test_a_column_can_be_written_as_an_integer(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[data]\nformat = "tsv"\nsource_column = 2\ntarget_column = "4"\n')
    config = load_recipe(path).data
    assert (config.source_column, config.target_column) == ("2", "4")
    assert parse_override("target_column=3") == ("data.target_column", "3")
    with pytest.raises(InputError, match="must be a string"):
        RecipeSetting("a", "", "").check(2)


@pytest.mark.parametrize(
    "text",
    [
        'say "hi"\tb\n"a" and "b"\tc\n' * 9,
        '"quoted"\tb\n' + "a\tb\n" * 20,
        "the\tel\nenglish\tinglés\n",
        "a\tb\nEnglish\tSpanish\n",
        "3/4/05\t2005-03-04\n" * 9,
        "a\t1\nb\t2\nc\t3\n",
        "1\tone\nx\ta\nz\tb\n",
        "a\tb\t\nc\td\t \n",
    ],
)
def test_ordinary_tables_have_no_notes(text, read):
    pairs, notes = read(text)
    assert len(pairs) == text.count("\n") and not notes


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('"a"\t"b"\n' * 19 + "c\td\n", ": 19 of 20 pairs have fields in double quotes"),
        ('a\tb\n"say ""x"""\tc\n' + "a\tb\n" * 20, ": 1 of 22 pairs have fields in double quotes"),
        ("source\ttarget\na\tb\n", ", line 1: 'source' and 'target' look like a header"),
        ("en\tde\na\tb\n", ", line 1: 'en' and 'de' look like a header"),
        ("Source text\tTarget_text\na\tb\n", ", line 1: .* look like a header"),
        ("a\tb\tc\n", ": 1 of 1 rows have more than the two columns that are read; set data."),
        ("1\ta\n2\tb\n3\tc\n", ": 3 of 3 sources are numbers; set data.source_column and data."),
        (
            "id\tword\tid2\n1\ta\t3\n2\tb\t4\n",
            ": 3 of 3 rows have more than .*, and 2 of 3 sources are",
        ),
    ],
)
def test_signs_of_a_wrong_layout_are_noted(text, note, read):
    notes = read(text)[1]
    assert any(re.match(note, printed) for printed in notes), notes


@pytest.mark.parametrize(
    ("text", "note", "settings"),
    [
        ("1,5;one\n2,5;two\n", r": every row has the same number of semicolons \(1\); set", {}),
        ('a, "b, c"\nd,e\n', ": 1 of 2 rows have a space before a quote, so the quote", {}),
        ("# a comment, here\na,b\n", ", line 1: starts with '#' and is read as a pair", {}),
        (
            "s,t\na,b\nyes, no,oui\n",
            ": 1 of 2 rows have more fields than the header, the first on line 3; a comma inside",
            {"header": True, "source_column": "s", "target_column": "t"},
        ),
    ],
)
def test_signs_of_a_wrong_csv_layout_are_noted(text, note, settings, read):
    notes = read(text, format="csv", **settings)[1]
    assert any(re.match(note, printed) for printed in notes), notes
    assert not read("a; b,c\nd,e;\nf,g\n", format="csv")[1]


@pytest.mark.parametrize("text", ["a\tb\rc\td\n", "e\tf\na\tb\r\rc\td\r\n"])
def test_rows_with_carriage_returns_between_them_are_an_error(text, read):
    line = text.count("\n")
    message = f", line {line}: expected one row. Received: 2 rows with carriage returns between"
    assert problem(read, text).startswith(message)


def test_lines_with_carriage_returns_are_counted(read, write, caplog):
    pairs, (note,) = read("a\rx\tb\nc\td\n")
    assert pairs == [("a\rx", "b"), ("c", "d")]
    assert note.startswith(": carriage returns inside lines are read as text (lines that have the")
    source, target = write(b"a\rb\nc\n", "s"), write(b"x\ny\n", "t")
    config = DataConfig(format="parallel", path=source, target_path=target)
    assert read_pairs(config) == [("a\rb", "x"), ("c", "y")]
    message = "carriage returns inside lines are read as text (lines that have them: 1)"
    assert f"{source}: {message}" in caplog.text


@pytest.mark.parametrize("header", [False, True])
def test_a_line_that_tells_excel_the_delimiter_is_an_error(header, read):
    message = problem(read, "sep=;\na;b\n", format="csv", delimiter=";", header=header)
    assert message.startswith(", line 1: expected a row of CSV. Received: 'sep=;', which tells")
    assert message.endswith("remove the line, and set data.delimiter=';'.")


def test_directional_marks_are_not_part_of_a_column_name(read):
    text = "\u200fs\u200f\tt\na\tb\n"
    assert read(text, header=True, source_column="s", target_column="t")[0] == [("a", "b")]


def test_a_space_before_a_quote_is_noted_for_csv(read):
    notes = read('a, "b"\nc, "d"\n', format="csv")[1]
    assert notes[0].endswith("read as text; remove spaces before a quote that starts a field.")


def test_the_error_about_a_quoted_field_over_several_lines_suggests_csv(read):
    message = problem(read, 'a\tb\nc\t"two\nlines"\n')
    assert message.startswith(", line 3: expected source, tab, target. Received: one column.")
    assert message.endswith("inside, set data.format='csv' and data.delimiter='\\t'.")
    assert problem(read, "a,b\n").endswith(
        "It has commas; set data.format='csv' (or --format csv)."
    )


@pytest.mark.skipif(not CASES.exists(), reason=f"needs the shared cases at {CASES}")
def test_real_spreadsheets_headers_and_identifiers_are_read(write):
    def pairs(name, **settings):
        return read_pairs(DataConfig(path=str(CASES / name), **{"format": "tsv", **settings}))

    plain = pairs("header-row/pairs.tsv", header=True)
    assert len(plain) == 60 and plain[0] == ("gdace", "ECADG")
    assert pairs("excel-quoting/pairs.tsv", **QUOTED) == plain
    assert pairs("excel-quoting/pairs2.tsv", **QUOTED)[60:] == [
        ('say "hi"', '"IH" YAS'),
        ("two lines", "SENIL OWT"),
    ]
    chosen = pairs("tatoeba-id-columns/pairs.tsv", source_column="2", target_column="4")
    assert chosen == plain
    assert pairs("not-utf8-hints/csv.csv", format="csv") == plain
    for name in ("utf16.tsv", "pairs.tsv.gz"):
        assert pairs(f"not-utf8-hints/{name}") == plain


def test_every_file_of_a_recipe_can_be_compressed_or_in_utf_16(write):
    source, target = write(gzip.compress(b"a\nb\n"), "s.gz"), write("x\ny\n".encode("utf-16"), "t")
    config = DataConfig(
        format="parallel",
        path=source,
        target_path=target,
        validation_path=target,
        validation_target_path=source,
    )
    assert split_pairs(config, 1) == ([("a", "x"), ("b", "y")], [("x", "a"), ("y", "b")])


def test_a_tab_can_be_written_as_backslash_and_t(read):
    assert read('"a b"\tc\n', format="csv", delimiter=r"\t") == read('"a b"\tc\n', **QUOTED)
