import urllib.request

import pytest

from keras_attention.cli.commands.data import data
from keras_attention.errors import InputError
from keras_attention.training.data import fetch
from keras_attention.training.data.datasets import DATASETS


@pytest.fixture
def reachable(tmp_path, monkeypatch):
    """Serve the same two columns for every URL."""
    (tmp_path / "pairs.tsv").write_text("a\tb\n")
    opened = (tmp_path / "pairs.tsv").as_uri()
    monkeypatch.setattr(fetch, "open_url", lambda url: urllib.request.urlopen(opened))


@pytest.fixture
def unreachable(reachable, monkeypatch):
    """Return a function; after it is called, no URL can be opened."""

    def fail(url):
        raise TimeoutError("timed out")

    return lambda: monkeypatch.setattr(fetch, "open_url", fail)


def test_missing_files_are_reported_with_the_command_that_fetches_them(tmp_path, capsys):
    with pytest.raises(InputError) as error:
        data("g2p", tmp_path / "a folder")
    folder = tmp_path / "a folder"
    assert str(error.value) == (
        f"{folder}/ady_train.tsv and 44 more of its files are missing; `keras-attention data g2p "
        f"'{folder}' --fetch` downloads what is missing."
    )
    out = capsys.readouterr().out
    assert DATASETS["g2p"].source in out
    assert DATASETS["g2p"].licence in out
    assert not folder.exists()


def test_fetched_files_are_complete(tmp_path, capsys, unreachable):
    data("g2p", tmp_path, "kor", fetch=True)
    printed = capsys.readouterr()
    assert f"Fetched {tmp_path}/kor_dev.tsv\n" in printed.out
    assert f"{tmp_path}: complete, 3 files of kor.\nNot in the folder: ady, " in printed.out
    assert "warning: " in printed.err
    unreachable()
    data("g2p", tmp_path)
    assert f"{tmp_path}: complete, 3 files of kor.\n" in capsys.readouterr().out


def test_only_missing_files_are_fetched(tmp_path, unreachable):
    data("g2p", tmp_path, "kor", fetch=True)
    unreachable()
    data("g2p", tmp_path, "kor", fetch=True)
    (tmp_path / "kor_dev.tsv").unlink()
    with pytest.raises(InputError, match="kor_dev.tsv.* is missing; .* --languages kor --fetch`"):
        data("g2p", tmp_path)
    with pytest.raises(InputError, match="kor_dev.tsv: cannot be downloaded .timed out."):
        data("g2p", tmp_path, "kor", fetch=True)
    (tmp_path / "kor_test.tsv").write_text("no phones\n")
    with pytest.raises(InputError, match="kor_test.tsv, line 1.* Remove the file first: exist"):
        data("g2p", tmp_path, "kor", fetch=True)
    assert sorted(path.name for path in tmp_path.glob("kor*")) == ["kor_test.tsv", "kor_train.tsv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("g2",), "There is no data set 'g2'; the nearest is 'g2p'"),
        (("g2p", None, "kor,,fre"), "g2p: expected one of the languages .* Received: ''"),
        (
            ("multi30k", None, "cs"),
            "multi30k: expected one of the languages en, de, fr. Received: 'cs'",
        ),
    ],
)
def test_unknown_data_sets_and_languages_are_rejected(arguments, message, capsys):
    with pytest.raises(InputError, match=message):
        data(*arguments)
    assert capsys.readouterr().out == ""
