import dataclasses
import gzip
import io
import socket
import urllib.error
import urllib.request
import zipfile
from email.message import Message

import pytest
from shared_data import SHARED, needs_shared

from keras_attention.errors import InputError
from keras_attention.training.data import fetch as fetching
from keras_attention.training.data.dataset_folder import check_folder
from keras_attention.training.data.datasets import DATASETS, dataset_of, find_dataset
from keras_attention.training.data.fetch import fetch_file

G2P, MULTI30K, TATOEBA = (DATASETS[name] for name in ("g2p", "multi30k", "tatoeba"))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/data/g2p/kor_train.tsv", "/data/g2p/kor_dev.tsv"], G2P),
        (["g2p\\fre_train.tsv"], G2P),
        (["a/multi30k/tok/train.lc.norm.tok.en", "a/multi30k/train.de"], MULTI30K),
        (["/data/g2p/kor_train.tsv", "/data/own.tsv"], None),
        (["/data/other/train.en"], None),
        (["/data/my-g2p/kor_train.tsv"], None),
        ([], None),
    ],
)
def test_the_data_set_of_files_is_known_only_if_all_have_its_names(paths, expected):
    assert dataset_of(paths) is expected


def text_of(file):
    """Return a short text in the format of a data set's file."""
    return "".join(f"{n}\tx {n}\n" if file.pairs else f"line {n}\n" for n in range(3))


def packed(file, content):
    """Return what the site would serve for a file with this content."""
    if file.url.endswith(".gz"):
        return gzip.compress(content, mtime=0)
    if not file.member:
        return content
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo(file.member), content)
    return archive.getvalue()


@pytest.fixture
def mirror(tmp_path):
    """Return an opener that reads a local folder instead of the sites."""
    root = tmp_path / "mirror"
    for dataset in DATASETS.values():
        for file in dataset.files(dataset.languages):
            path = root / file.url.removeprefix("https://")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed(file, text_of(file).encode()))

    def opener(url):
        return urllib.request.urlopen((root / url.removeprefix("https://")).as_uri())

    opener.path = lambda file: root / file.url.removeprefix("https://")
    return opener


def fill(folder, files):
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(file), encoding="utf-8")


def test_urls_and_paths_are_unique():
    files = [file for data in DATASETS.values() for file in data.files(data.languages)]
    assert len({file.url for file in files}) == len(files)
    assert len({file.path for file in files}) == len(files)
    assert all(file.url.startswith("https://") and "{" not in file.url for file in files)
    assert len(MULTI30K.files(["en", "de", "fr"])) == 18


def test_an_unknown_name_is_an_error_that_suggests_the_nearest_and_lists_all():
    with pytest.raises(InputError, match="'multi30'; the nearest is 'multi30k'. .*one of: "):
        find_dataset("multi30")
    with pytest.raises(InputError, match="no data set 'wmt14'. Expected one of: multi30k, g2p, "):
        find_dataset("wmt14")
    with pytest.raises(InputError, match="g2p: expected one of the languages ady, .*: 'xxx'"):
        G2P.files(["kor", "xxx"])


def test_a_complete_folder_is_reported_with_a_warning_about_other_versions(tmp_path):
    fill(tmp_path, G2P.files(["kor", "fre"]))
    report = check_folder(G2P, tmp_path)
    assert report.languages == ["fre", "kor"]
    assert (len(report.lines), report.missing) == (6, [])
    assert [sentence.endswith("has 450.") for sentence in report.warnings] == [False, True]
    assert "3 lines, but the version of published results has 3600." in report.warnings[0]


def test_a_language_with_some_of_its_files_has_missing_files(tmp_path):
    fill(tmp_path, MULTI30K.files(["en", "de"])[1:])
    assert [file.path for file in check_folder(MULTI30K, tmp_path).missing] == ["train.en"]
    assert len(check_folder(MULTI30K, tmp_path, ["en", "fr"]).missing) == 7
    assert len(check_folder(MULTI30K, tmp_path / "nothing").missing) == 18


@pytest.mark.parametrize(
    ("dataset", "name", "content", "message"),
    [
        (G2P, "kor_test.tsv", b"a\ta\nb\n", "line 2: expected source, tab, target. Received: one"),
        (G2P, "kor_dev.tsv", b"a\t \n", "line 1: expected source.* Received: an empty target."),
        (G2P, "kor_dev.tsv", b"", "expected at least one line. Received: an empty file."),
        (G2P, "kor_train.tsv", b"\xff\ta\n", "line 1: expected UTF-8"),
        (MULTI30K, "val.de", b"a\n\nb\n", "line 2: expected text"),
        (MULTI30K, "tok/val.lc.norm.tok.de", b"a\n", "val.en with 3, .*val.lc.norm.tok.de with 1"),
    ],
)
def test_an_unusable_file_is_an_error_that_names_it(dataset, name, content, message, tmp_path):
    languages = ["kor"] if dataset is G2P else ["en", "de"]
    fill(tmp_path, dataset.files(languages))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        check_folder(dataset, tmp_path)
    assert str(tmp_path / name) in str(error.value)


def test_a_file_instead_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "g2p").write_text("")
    with pytest.raises(InputError, match="g2p: expected a folder"):
        check_folder(G2P, tmp_path / "g2p")


@pytest.mark.parametrize("name", DATASETS)
def test_fetching_completes_a_folder(name, mirror, tmp_path):
    dataset, folder, sizes = DATASETS[name], tmp_path / "new" / name, []
    for file in check_folder(dataset, folder).missing:
        fetch_file(file, folder, opener=mirror, advance=sizes.append)
        assert (folder / file.path).read_text() == text_of(file)
    report = check_folder(dataset, folder)
    assert (report.languages, report.missing) == (list(dataset.languages), [])
    assert sum(sizes) > 0
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert len(found) == len(report.lines)


def test_an_existing_file_is_never_overwritten(mirror, tmp_path):
    file = G2P.files(["kor"])[0]
    (tmp_path / file.path).write_text("mine")
    with pytest.raises(InputError, match="expected no file here, because existing files are ne"):
        fetch_file(file, tmp_path, opener=mirror)
    assert (tmp_path / file.path).read_text() == "mine"


TRAIN = MULTI30K.files(["en"])[0]
TEST = G2P.files(["kor"])[2]
SENTENCES = TATOEBA.files(["kor"])[0]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (TRAIN, b"<html>", "expected a gzip file. Received: "),
        (TRAIN, gzip.compress(b"a\n" * 999, mtime=0)[:-9], "expected a gzip file. Received: "),
        (TRAIN, gzip.compress(b"", mtime=0), "Received: an empty file"),
        (TEST, b"word without its phones\n", "line 1: expected source, tab, target"),
        (TEST, b"\xff\t\xff\n", "line 1: expected UTF-8"),
        (SENTENCES, b"<html>", "expected a zip archive with kor.txt. Received: "),
        (
            SENTENCES,
            packed(dataclasses.replace(SENTENCES, member="deu.txt"), b"a\tb\n"),
            "expected a zip archive with kor.txt. Received: .*There is no item",
        ),
    ],
)
def test_an_unexpected_download_is_not_stored(file, content, message, mirror, tmp_path):
    mirror.path(file).write_bytes(content)
    folder = tmp_path / "new"
    with pytest.raises(InputError, match=message) as error:
        fetch_file(file, folder, opener=mirror)
    assert str(error.value).startswith(file.url)
    assert not folder.exists()


def changed(content, *changes):
    """Return a copy of an archive with some bytes replaced.

    A change `(mark, offset, value)` writes `value` at `offset` bytes after the start of `mark`.
    """
    content = bytearray(content)
    for mark, offset, value in changes:
        place = content.index(mark) + offset
        content[place : place + len(value)] = value
    return bytes(content)


ARCHIVE = packed(SENTENCES, b"a\tb\n")
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(ARCHIVE, (LOCAL, 6, b"\1"), (CENTRAL, 8, b"\1")), "is encrypted"),
        (changed(ARCHIVE, (LOCAL, 8, b"\x63"), (CENTRAL, 10, b"\x63")), "compression"),
        (changed(ARCHIVE, (CENTRAL, 8, b"\0\x08"), (CENTRAL, 46, b"\xff")), "."),
        (ARCHIVE[:-30], "."),
        (changed(ARCHIVE, (b"a\tb\n", 0, b"c")), "Bad CRC-32"),
    ],
)
def test_an_archive_that_cannot_be_unpacked_is_an_error(content, message, mirror, tmp_path):
    mirror.path(SENTENCES).write_bytes(content)
    with pytest.raises(InputError, match=rf"zip archive with kor\.txt\. Received: .*{message}"):
        fetch_file(SENTENCES, tmp_path / "new", opener=mirror)
    assert not (tmp_path / "new").exists()


def zipped(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(SENTENCES.member, content)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "verb"),
    [
        (SENTENCES, zipped(b"a\tb\n" * (1 << 10)), "unpacks to"),
        (TRAIN, gzip.compress(b"a\n" * (1 << 11), mtime=0), "unpacks to"),
        (TEST, b"a\tb\n" * (1 << 10), "has"),
    ],
    ids=["archive", "gzip", "plain"],
)
def test_a_file_over_the_size_limit_is_an_error(file, content, verb, mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_LINE", 0)
    monkeypatch.setattr(fetching, "_REST", 1 << 11)
    mirror.path(file).write_bytes(content)
    with pytest.raises(InputError, match=rf"Received: one that {verb} more than 2,048 bytes\."):
        fetch_file(file, tmp_path / "new", opener=mirror)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("length", ["many", "-4", "", "4.0", "²"])
def test_a_content_length_that_is_not_a_number_is_an_error(length, tmp_path):
    response = Broken(b"a\tb\n")
    response.headers = {"Content-Length": length}
    with pytest.raises(InputError, match="expected a number of bytes in Content-Length"):
        fetch_file(TEST, tmp_path / "new", opener=lambda url: response)


class Broken(io.BytesIO):
    """A response that is shorter than its Content-Length."""

    headers = {"Content-Length": "100"}


def failing(error):
    def opener(url):
        raise error

    return opener


@pytest.mark.parametrize(
    ("opener", "message"),
    [
        (failing(urllib.error.URLError(socket.gaierror(-2, "Name unknown"))), "Name unknown"),
        (
            failing(urllib.error.HTTPError("u", 404, "Not Found", Message(), None)),
            r"\(404 Not Found\)",
        ),
        (failing(TimeoutError("timed out")), "timed out"),
        (failing(ConnectionResetError()), "ConnectionResetError"),
        (lambda url: Broken(b"a\tb\n"), "ended early; expected 100 bytes. Received: 4."),
    ],
)
def test_a_network_problem_is_an_error_in_one_line(opener, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        fetch_file(TEST, tmp_path / "new", opener=opener)
    assert str(error.value).startswith(TEST.url)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_requests_have_a_timeout_and_a_user_agent(monkeypatch):
    requests = []
    monkeypatch.setattr(
        fetching, "urlopen", lambda *request, **options: requests.append((*request, options))
    )
    fetching.open_url("https://example.org/a")
    ((request, options),) = requests
    assert options == {"timeout": fetching.TIMEOUT}
    assert "keras-attention/" in request.get_header("User-agent")


@needs_shared
@pytest.mark.parametrize("name", DATASETS)
def test_the_published_versions_are_reported_as_complete(name):
    report = check_folder(DATASETS[name], SHARED / name)
    assert (report.missing, report.warnings) == ([], [])
