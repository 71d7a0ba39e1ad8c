import pytest
from shared_data import SHARED, needs_shared

from keras_attention.errors import InputError
from keras_attention.training.data.pair_files import read_dates_file, read_parallel, read_table
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.data.tables import Layout
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.tasks.dates import generate_dates


def read_tsv(path):
    return list(read_table(path, Layout()))


@pytest.fixture
def write(tmp_path):
    def write(text, name="data.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_tsv_reads_the_first_two_columns_unchanged(write):
    path = write("one\t하나\tby a, CC-BY\r\n two \te\u0301 \n")
    assert read_tsv(path) == [("one", "하나"), (" two ", "e\u0301 ")]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\tb\nc d\n", 2, "expected source, tab, target. Received: one column."),
        ("a\tb\n\nc\td\n", 2, "expected text. Received: an empty line."),
        ("a\tb\n \t\nc\td\n\n", 2, "expected text. Received: an empty line."),
        ("\tb\n", 1, "expected source, tab, target. Received: an empty source."),
        ("a\tb\nc\t\u3000\tx\n", 2, "expected source, tab, target. Received: an empty target."),
    ],
)
def test_an_invalid_tsv_line_is_an_error(write, text, line, problem):
    path = write(text)
    with pytest.raises(InputError) as error:
        read_tsv(path)
    assert str(error.value) == f"{path}, line {line}: {problem}"


@pytest.mark.parametrize(
    "read",
    [
        read_tsv,
        lambda path: list(read_dates_file(path)),
        lambda path: list(read_parallel(path, path)),
    ],
)
def test_an_unusable_file_is_an_error(read, write, tmp_path):
    with pytest.raises(InputError, match="Received: an empty file"):
        read(write("", "empty.txt"))
    with pytest.raises(InputError, match="missing.txt"):
        read(tmp_path / "missing.txt")
    with pytest.raises(InputError, match="folder"):
        (tmp_path / "folder").mkdir()
        read(tmp_path / "folder")
    with pytest.raises(InputError, match="bytes.txt.*1"):
        read(write(b"\xff\tb\n", "bytes.txt"))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("a\tb\nc\td\n\n \t\n\u200b", {"format": "tsv"}),
        ("a,b\nc,d\n\n,,\n\n", {"format": "csv"}),
        (
            '{"source": "a", "target": "b"}\n{"source": "c", "target": "d"}\n\n \n',
            {"format": "jsonl"},
        ),
    ],
)
def test_empty_lines_at_the_end_of_a_file_are_not_pairs(write, text, settings):
    assert read_pairs(DataConfig(path=write(text), **settings)) == [("a", "b"), ("c", "d")]


def test_empty_lines_at_the_end_of_parallel_files_are_not_pairs(write):
    pairs = read_parallel(write("a\nb\n\n\n", "x.en"), write("c\nd\n\n", "x.de"))
    assert list(pairs) == [("a", "c"), ("b", "d")]
    with pytest.raises(InputError, match="same number of lines.*x.en with 1, .*x.de with 2"):
        list(read_parallel(write("a\n\n", "x.en"), write("c\nd\n", "x.de")))


def test_the_padding_of_a_dates_file_is_removed(write):
    path = write("september 27, 1994           _1994-09-27\n2/10/93_1993-02-10\n")
    assert list(read_dates_file(path)) == [
        ("september 27, 1994", "1994-09-27"),
        ("2/10/93", "1993-02-10"),
    ]


@pytest.mark.parametrize(
    "line",
    ["2/10/93 1993-02-10", "   _1993-02-10", "2/10/93 _1993-02-30", "2/10/93 _19930210", "2/1/93_"],
)
def test_an_invalid_line_of_a_dates_file_is_an_error(write, line):
    path = write(f"2/10/93   _1993-02-10\n{line}\n")
    with pytest.raises(InputError) as error:
        list(read_dates_file(path))
    assert str(error.value) == (
        f"{path}, line 2: expected a date, `_` and its ISO date. Received: {line!r}."
    )


def test_lines_of_parallel_files_are_pairs(write):
    pairs = list(read_parallel(write("a\nb b\n", "x.en"), write("c\nd\td", "x.de")))
    assert pairs == [("a", "c"), ("b b", "d\td")]


def test_parallel_files_of_different_length_are_an_error(write):
    short, long = write("a\nb\n", "x.en"), write("c\nd\ne\n", "x.de")
    with pytest.raises(InputError, match="same number of lines.*x.en with 2, .*x.de with 3"):
        list(read_parallel(short, long))


@pytest.mark.parametrize("blank", ["", " \t", "\u00a0", "\u200b\ufeff", "\x1c"])
def test_an_empty_line_in_a_parallel_file_is_an_error(write, blank):
    with pytest.raises(InputError, match=r"x.de, line 2: expected text. Received: an empty line."):
        list(read_parallel(write("a\nb\nc\n", "x.en"), write(f"c\n{blank}\ne\n", "x.de")))


def test_read_pairs_reads_every_format(write):
    tsv, source, target = write("a\tb\n"), write("a\n", "s"), write("b\n", "t")
    assert read_pairs(DataConfig(format="tsv", path=tsv)) == [("a", "b")]
    parallel = DataConfig(format="parallel", path=source, target_path=target)
    assert read_pairs(parallel) == [("a", "b")]
    dates = write("2/10/93 _1993-02-10\n", "dates.txt")
    assert read_pairs(DataConfig(path=dates)) == [("2/10/93", "1993-02-10")]
    assert read_pairs(DataConfig(size=20), seed=4) == generate_dates(20, seed=4)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(format="tsv"), "`data.path` must name a file for data.format='tsv'."),
        (DataConfig(format="parallel", path="x"), "`data.target_path` must name a file"),
        (DataConfig(format="tsv", path="x", target_path="y"), "must be empty for other formats"),
        (DataConfig(validation_target_path="y"), "requires data.validation_path"),
    ],
)
def test_paths_that_do_not_fit_the_format_are_an_error(config, message):
    with pytest.raises(InputError, match=message):
        split_pairs(config, seed=1)


def test_held_out_pairs_are_chosen_by_the_seed():
    config = DataConfig(size=100, held_out=10)
    train, held_out = split_pairs(config, seed=3)
    assert (len(train), len(held_out)) == (90, 10)
    assert sorted(train + held_out) == sorted(generate_dates(100, seed=3))
    assert split_pairs(config, seed=3) == (train, held_out)


def test_the_split_of_a_file_depends_on_the_seed(write):
    path = write("".join(f"{n}\t{n}\n" for n in range(50)))
    config = DataConfig(format="tsv", path=path, held_out=5)
    assert split_pairs(config, seed=1)[1] != split_pairs(config, seed=2)[1]


def test_all_pairs_are_trained_on_if_there_is_a_validation_file(write):
    train, held_out = write("a\tb\nc\td\n"), write("e\tf\n", "dev.tsv")
    config = DataConfig(format="tsv", path=train, validation_path=held_out)
    assert split_pairs(config, seed=1) == ([("a", "b"), ("c", "d")], [("e", "f")])


def test_validation_files_can_be_parallel(write):
    config = DataConfig(
        format="parallel",
        path=write("a\n", "a"),
        target_path=write("b\n", "b"),
        validation_path=write("c\n", "c"),
        validation_target_path=write("d\n", "d"),
    )
    assert split_pairs(config, seed=1) == ([("a", "b")], [("c", "d")])


def test_holding_out_all_pairs_is_an_error(write):
    config = DataConfig(format="tsv", path=write("a\tb\nc\td\n"), held_out=2)
    with pytest.raises(InputError, match="`data.held_out` must be below the number of pairs, 2."):
        split_pairs(config, seed=1)


@needs_shared
def test_public_files_are_read():
    assert len(list(read_dates_file(SHARED / "dates/date.txt"))) == 50000
    assert len(read_tsv(SHARED / "tatoeba/eng-kor.tsv")) == 3318
    assert len(read_tsv(SHARED / "g2p/kor_train.tsv")) == 3600
    pairs = list(read_parallel(SHARED / "multi30k/val.en", SHARED / "multi30k/val.de"))
    assert len(pairs) == 1014


def test_sources_from_files_of_several_languages_begin_with_the_language(write, tmp_path):
    write("a\tb\nc\td\n", "de.tsv")
    write("<language=xx> e\tf\n", "fr.tsv")
    write("g\th\ni\tj\n", "de.dev")
    write("k\tl\n", "fr.dev")
    config = DataConfig(
        format="tsv",
        folder=str(tmp_path),
        path="{language}.tsv",
        validation_path="{language}.dev",
        language="de,fr",
        source_features="language",
    )
    training, held_out = split_pairs(config, 1)
    assert training == [
        ("<language=de> a", "b"),
        ("<language=de> c", "d"),
        ("<language=xx> e", "f"),
    ]
    # Languages alternate, because exports are checked on the first held-out pairs.
    assert [source for source, _ in held_out] == [
        "<language=de> g",
        "<language=fr> k",
        "<language=de> i",
    ]


def test_one_file_of_sources_can_have_targets_in_several_languages(write, tmp_path):
    write("a\nb\n", "en")
    write("x\ny\n", "de")
    write("v\nw\n", "fr")
    config = DataConfig(
        format="parallel",
        folder=str(tmp_path),
        path="en",
        target_path="{target_language}",
        target_language="de,fr",
        source_features="target_language",
    )
    assert read_pairs(config)[1:3] == [
        ("<target_language=de> b", "y"),
        ("<target_language=fr> a", "v"),
    ]


def test_without_source_features_files_of_several_languages_are_only_joined(write, tmp_path):
    write("a\tb\n", "de.tsv")
    write("c\td\n", "fr.tsv")
    paths = {"folder": str(tmp_path), "path": "{language}.tsv", "language": "de,fr"}
    assert read_pairs(DataConfig(format="tsv", **paths)) == [("a", "b"), ("c", "d")]
