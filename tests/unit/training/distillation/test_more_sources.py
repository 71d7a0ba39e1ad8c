"""Sources without targets are the lines of files; a line that cannot be used is an error."""

import gzip

import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.errors import InputError
from keras_attention.text.source_features import SourceFeatures
from keras_attention.training.distillation.more_sources import new_sources, read_sources

LANGUAGES = SourceFeatures({"language": ["fre", "kor"]})


def test_the_lines_of_all_files_that_match_are_read_once(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\r\n둘\rzwei\n".encode())
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("둘\n three\n\n".encode()))
    assert read_sources(str(tmp_path / "*.txt*"), SourceFeatures()) == [
        "one",
        "둘 zwei",
        "둘",
        " three",
    ]
    assert read_sources(str(tmp_path / "a.txt"), SourceFeatures()) == ["one", "둘 zwei"]


def test_lines_carry_the_features_of_the_teachers(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("<language=fre> chat\n<language=kor> 한국\n", encoding="utf-8")
    assert read_sources(str(path), LANGUAGES) == ["<language=fre> chat", "<language=kor> 한국"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"words\.txt: expected at least one line\. Received: an empty file\."),
        (
            "<language=fre> a\n\n<language=fre> b",
            "line 2: expected text. Received: an empty line.",
        ),
        ("<language=fre> \u200b\n", r"line 1: expected text\. Received: '<language=fre> .*'\."),
        ("<language=fre> a\nb\n", r"line 2: expected the source feature language before .* 'b'\."),
        ("<language=fra> a", r"line 1: .* language .*; the nearest is 'fre'\. Received: 'fra'\."),
        (b"<language=fre> a\n\xe9", r"words\.txt, line 2: expected UTF-8"),
    ],
)
def test_a_line_that_cannot_be_used_is_an_error(text, words, tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words):
        read_sources(str(path), LANGUAGES)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no\.txt: expected a file that can be read"):
        read_sources(str(tmp_path / "no.txt"), SourceFeatures())
    with pytest.raises(InputError, match="Received: no matching file"):
        read_sources(str(tmp_path / "*.txt"), SourceFeatures())


def test_a_source_is_known_if_teachers_read_it_as_a_known_one():
    letters = Vocabulary("abcde\u0301")
    both = SourceFeatures({"domain": ["x", "y"], "language": ["fre", "kor"]})
    tokenizer = CharacterTokenizer(letters, normalization="nfd", features=both)
    tags = "<domain=x><language=fre>"
    training, held_out = [(f"{tags} a", "1"), (f"{tags} \u00e9", "2")], [f"{tags} b"]
    known = [f"<language=fre><domain=x>{text}" for text in (" a", "a", " e\u0301", "b")]
    new = ["<domain=y><language=fre> a", f"{tags} c", f"{tags} a ", f"{tags}  a"]
    found = new_sources([*new, *known, f"{tags}c"], training, held_out, tokenizer)
    assert found == new
    assert new_sources(known, training, held_out, tokenizer) == []
    assert new_sources([], training, held_out, tokenizer) == []
