import os

import pytest

from keras_attention.errors import InputError
from keras_attention.files.text_files import count_lines, decode_lines, read_lines, read_text


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\n\r\ntwo\r", ["one", "", "two"]),
        (b"one\r\r\n\r\r\ntwo\r\r\n", ["one", "", "two"]),
        (b"one\rtwo\r\rfour", ["one", "two", "", "four"]),
        (b"one\rtwo\r", ["one", "two"]),
        (b"\r", [""]),
        (b"\na\rb", ["", "a\rb"]),
        (b"a\rb\x0bc\x0cd\x1ce\n", ["a\rb\x0bc\x0cd\x1ce"]),
        ("a\u0085b\u2028c\u2029d\n".encode(), ["a\u0085b\u2028c\u2029d"]),
        ("\ufeffone\n\ufefftwo\n".encode(), ["one", "\ufefftwo"]),
        ("\ufeff\ufeffone\n".encode(), ["one"]),
        ("\ufeff\ufeffone\rtwo".encode(), ["one", "two"]),
        ("\ufeff".encode(), []),
        ("\ufeff\n".encode(), [""]),
        ("한국어\n".encode(), ["한국어"]),
    ],
)
def test_lines_end_at_line_feeds_or_at_carriage_returns_if_there_are_none(
    tmp_path, content, expected
):
    assert list(read_lines(write(tmp_path / "text", content))) == expected


@pytest.mark.parametrize(
    ("content", "count"), [(b"", 0), (b"one\ntwo", 2), (b"one\rtwo\r", 2), (b"\xff\n\n", 2)]
)
def test_lines_are_counted_without_decoding_them(tmp_path, content, count):
    assert count_lines(write(tmp_path / "text", content)) == count


def test_a_line_of_a_stream_can_be_read_before_the_next_one_is_written():
    end, begin = os.pipe()
    with open(end, "rb") as stream, open(begin, "wb", buffering=0) as writer:
        lines = decode_lines(stream, "standard input")
        for line in ("one", "two"):
            writer.write(line.encode() + b"\r\r\n")
            assert next(lines) == line


def test_lines_that_end_in_carriage_returns_are_numbered(tmp_path):
    lines = read_lines(write(tmp_path / "text", b"one\rtwo\rab\xff\rfour"))
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError, match="line 3: .* byte 0xff at column 3"):
        next(lines)


def test_read_text_does_not_change_the_text(tmp_path):
    path = write(tmp_path / "text", "\ufeffone\r\n\ufefftwo\r".encode())
    assert read_text(path) == "one\r\n\ufefftwo\r"
    assert read_text(write(tmp_path / "old", b"one\rtwo\r\r")) == "one\rtwo\r\r"


@pytest.mark.parametrize("read", [read_text, lambda path: list(read_lines(path))])
@pytest.mark.parametrize("name", ["missing.txt", ".", "file/below"])
def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path, read, name):
    (tmp_path / "file").touch()
    path = tmp_path / name
    with pytest.raises(InputError, match="expected a file that can be read") as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who is not root")
def test_a_file_without_permission_is_an_input_error(tmp_path):
    path = write(tmp_path / "text", b"one\n")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_text(path)


@pytest.mark.parametrize("line", [b"ab\xff", b"ab\xc3", b"ab\xed\xa0\x80"])
def test_the_error_names_the_line_of_invalid_utf8(tmp_path, line):
    path = write(tmp_path / "text", b"one\ntwo\n" + line + b"\nfour\n")
    lines = read_lines(path)
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError) as error:
        next(lines)
    assert str(error.value) == (
        f"{path}, line 3: expected UTF-8 text. "
        f"Received: byte 0x{line[2]:02x} at column 3 of the line."
    )
