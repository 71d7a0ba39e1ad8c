"""The public data sets that recipes train on: their files, where these come from, their licence."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keras_attention.errors import InputError, suggest

_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1"
_SIGMORPHON = "https://raw.githubusercontent.com/sigmorphon/2020/master/task1/data"


@dataclass(frozen=True)
class DataFile:
    """A file of a data set. In a table its texts hold `{language}`.

    Attributes:
        path: where it stands, from the data set's folder.
        url: where it comes from. A `.gz` is unpacked; of a `.zip` one member is taken.
        lines: how many it has in the version that published results were made with.
        pairs: whether a line is source, tab, target.
        part: files of one part have the same number of lines; empty for a file by itself.
        member: its name in a `.zip`.
    """

    path: str
    url: str
    lines: int
    pairs: bool = False
    part: str = ""
    member: str = ""

    def of(self, language: str) -> DataFile:
        """The file of one language."""
        path, url, member = (
            text.replace("{language}", language) for text in (self.path, self.url, self.member)
        )
        return replace(self, path=path, url=url, member=member)


@dataclass(frozen=True)
class Dataset:
    """A public data set.

    Attributes:
        name: what the command line calls it, and its folder.
        title: what it is.
        source: the page that offers it.
        licence: what it may be used for, and whom to name.
        recipes: recipes that train on it.
        languages: codes of the languages it has.
        table: the files of each language.

    Example:
        >>> [file.path for file in DATASETS["g2p"].files(["kor"])]
        ['kor_train.tsv', 'kor_dev.tsv', 'kor_test.tsv']
    """

    name: str
    title: str
    source: str
    licence: str
    recipes: tuple[str, ...]
    languages: tuple[str, ...]
    table: tuple[DataFile, ...]

    def files(self, languages: Sequence[str]) -> list[DataFile]:
        """The files of some languages.

        Raises:
            InputError: if it does not have one of them.
        """
        for language in languages:
            if language not in self.languages:
                raise InputError(
                    f"{self.name}: the languages are {', '.join(self.languages)}. "
                    f"Received: {language!r}."
                )
        return [file.of(language) for language in languages for file in self.table]


def find_dataset(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        InputError: if there is none.
    """
    if name not in DATASETS:
        raise InputError(
            f"There is no data set {name!r}{suggest(name, DATASETS)}. "
            f"A data set is one of: {', '.join(DATASETS)}."
        )
    return DATASETS[name]


def fetch_command(folder: str) -> str:
    """The command that gets the data of `folder`, whose name tells which."""
    last = folder.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = last if last in DATASETS else "NAME"
    command = f"`keras-attention data {name} {shlex.quote(folder)} --fetch`"
    return command if name != "NAME" else f"{command} (NAME: {', '.join(DATASETS)})"


def _multi30k() -> tuple[DataFile, ...]:
    parts = {"train": 29000, "val": 1014, "test_2016_flickr": 1000}
    raw = [
        DataFile(
            f"{part}.{{language}}", f"{_MULTI30K}/raw/{part}.{{language}}.gz", lines, part=part
        )
        for part, lines in parts.items()
    ]
    tokenized = [
        DataFile(
            f"tok/{part}.lc.norm.tok.{{language}}",
            f"{_MULTI30K}/tok/{part}.lc.norm.tok.{{language}}",
            lines,
            part=part,
        )
        for part, lines in parts.items()
    ]
    return (*raw, *tokenized)


def _g2p() -> tuple[DataFile, ...]:
    parts = {"train": 3600, "dev": 450, "test": 450}
    return tuple(
        DataFile(
            f"{{language}}_{part}.tsv",
            f"{_SIGMORPHON}/{part}/{{language}}_{part}.tsv",
            lines,
            pairs=True,
        )
        for part, lines in parts.items()
    )


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "multi30k",
            "captions of photographs and their translations, raw and as lower-cased Moses tokens",
            "https://github.com/multi30k/dataset (task 1)",
            "for research; cite Elliott et al. 2016, doi.org/10.18653/v1/W16-3210 (German), and "
            "2017, doi.org/10.18653/v1/W17-4718 (French)",
            ("multi30k-en-de", "multi30k-en-fr"),
            ("en", "de", "fr"),
            _multi30k(),
        ),
        Dataset(
            "g2p",
            "words and their phones, of the SIGMORPHON 2020 shared task 1",
            "https://github.com/sigmorphon/2020 (task1/data)",
            "CC BY-SA, from Wiktionary; cite Gorman et al. 2020, "
            "doi.org/10.18653/v1/2020.sigmorphon-1.2",
            ("g2p",),
            tuple("ady arm bul dut fre geo gre hin hun ice jpn kor lit rum vie".split()),
            _g2p(),
        ),
        Dataset(
            "tatoeba",
            "English sentences, their Korean translations, and who wrote them",
            "https://www.manythings.org/anki/, from https://tatoeba.org",
            "CC BY 2.0 FR; the third column of a line names whom to attribute it to",
            ("eng-kor",),
            ("kor",),
            (
                DataFile(
                    "eng-{language}.tsv",
                    "https://www.manythings.org/anki/{language}-eng.zip",
                    3318,
                    pairs=True,
                    member="{language}.txt",
                ),
            ),
        ),
    )
}
