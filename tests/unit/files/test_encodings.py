"""Files in other encodings, gzip files, and files that are not text."""

import gzip
import io
import os
import threading
import zlib

import pytest

from keras_attention.errors import InputError
from keras_attention.files import encodings as module
from keras_attention.files.encodings import as_utf8, open_unpacked
from keras_attention.files.text_files import decode_lines, read_lines, read_text

TEXT = "année\t한국어\n😀\u2028a\x0bb\n\nlast"
LINES = ["année\t한국어", "😀\u2028a\x0bb", "", "last"]


def marked(encoding):
    return ("\ufeff" + TEXT).encode(encoding)


ENCODED = {
    "utf-8": TEXT.encode(),
    "utf-8 with a mark": marked("utf-8"),
    **{name: marked(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")},
}


@pytest.fixture(params=[1, 3, 1 << 16], ids=lambda size: f"pieces of {size}")
def chunk(request, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", request.param)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ENCODED)
def test_text_is_the_same_in_every_encoding(name, packed, chunk, tmp_path):
    content = gzip.compress(ENCODED[name]) if packed else ENCODED[name]
    path = tmp_path / "text"
    path.write_bytes(content)
    assert list(read_lines(path)) == LINES
    assert read_text(path) == TEXT
    assert list(decode_lines(io.BytesIO(content), "stream")) == LINES


def test_concatenated_gzip_files_are_one_text(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree"))
    assert list(read_lines(path)) == ["one", "two", "three"]
    with open_unpacked(path) as stream:
        assert stream.read() == b"one\ntwo\nthree"


def test_lines_from_a_pipe_are_read_as_they_arrive():
    reading, writing = os.pipe()
    got, asked = [], threading.Event()

    def write():
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write("\ufeffone\ntwo".encode("utf-16-le"))
            asked.wait(10)
            pipe.write("\nthree".encode("utf-16-le"))

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as pipe:
        lines = decode_lines(pipe, "pipe")
        got.append(next(lines))
        asked.set()
        got += lines
    thread.join()
    assert got == ["one", "two", "three"]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"some text\n" * 99, mtime=0)[:-9],
        gzip.compress(b"some text\n" * 99, mtime=0)[:30],
        gzip.compress(b"some text\n", mtime=0)[:-8] + b"wrong sum",
        gzip.compress(b"some text\n", mtime=0) + b"more",
        b"\x1f\x8b",
        b"\x1f\x8b\x07" + bytes(20),
        gzip.compress(b"", mtime=0)[:10] + zlib.compress(b"text"),
    ],
)
def test_the_error_names_a_damaged_gzip_file(content, tmp_path):
    path = tmp_path / "pairs.tsv.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"pairs\.tsv\.gz: damaged gzip file: .+\.$"):
        list(read_lines(path))


def test_a_gzip_file_that_unpacks_to_too_much_is_rejected(monkeypatch, tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"a\n" * (1 << 19)))
    monkeypatch.setattr(module, "FREE_SIZE", 1 << 18)
    with pytest.raises(InputError, match=r"bomb\.gz: .* unpacks to over 200 times its size"):
        read_text(path)
    path.write_bytes(gzip.compress(b"".join(b"%d\n" % n for n in range(1 << 16))))
    assert sum(1 for _ in read_lines(path)) == 1 << 16


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("damage", [b"\xdc\xdc", b"\x00"], ids=["lone surrogate", "half"])
def test_the_error_names_the_line_of_damaged_utf16(encoding, damage, chunk, tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffone\ntwo\nthree".encode(encoding) + damage)
    with pytest.raises(
        InputError, match=r"text, line 3: expected UTF-16 text, because of the byte order"
    ):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "a ZIP archive or a spreadsheet such as .xlsx; save the"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an Excel file \(\.xls\); save the sheet as CSV"),
        (b"BZh91AY", "a bzip2 file; unpack it"),
        (b"\xfd7zXZ\x00", "an xz file; unpack it"),
        (
            TEXT.replace("한국어", "ab").encode("utf-16-le"),
            "a binary file, or UTF-16 without a byte",
        ),
        ("a\tb\nc\td\n".encode("utf-16-be"), "UTF-16 without a byte order mark; save it as UTF-8"),
        ("да\tнет\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (bytes(range(32)), "a binary file"),
    ],
)
def test_the_error_names_the_kind_of_a_file_that_is_not_text(content, kind, tmp_path):
    path = tmp_path / "pairs.tsv"
    for written in (content, gzip.compress(content)):
        path.write_bytes(written)
        with pytest.raises(
            InputError, match=rf"pairs\.tsv: expected UTF-8 text\. Received: .*{kind}"
        ):
            list(read_lines(path))


@pytest.mark.parametrize("content", [b"", b"P", b"\0", b"a\0b\tc\n", b"\x1b[1mbold\x1b[0m\n\f"])
def test_text_with_a_few_control_characters_is_text(content):
    assert as_utf8(io.BytesIO(content), "text").read() == content
