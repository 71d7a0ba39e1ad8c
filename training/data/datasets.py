"""The public data sets that recipes train on: their files, sources and licences."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from keras_attention.errors import InputError, suggest

_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1"
_SIGMORPHON = "https://raw.githubusercontent.com/sigmorphon/2020/master/task1/data"


@dataclass(frozen=True)
class DataFile:
    """A file of a data set. In `Dataset.table`, its strings contain `{language}`.

    Attributes:
        path: its path in the data set's folder.
        url: the URL to download it from. A `.gz` file is unpacked; a `.zip` file contains the data
            file under the name `member`.
        lines: its number of lines in the version with which published results were made.
        pairs: whether a line is source, tab, target.
        part: the part of the data that the file belongs to, such as "train"; all files of a part
            must have the same number of lines. Empty if the file is not parallel to another one.
        member: its name in a `.zip` file.
    """

    path: str
    url: str
    lines: int
    pairs: bool = False
    part: str = ""
    member: str = ""

    def of(self, language: str) -> DataFile:
        """Return the file for one language."""
        path, url, member = (
            text.replace("{language}", language) for text in (self.path, self.url, self.member)
        )
        return replace(self, path=path, url=url, member=member)


@dataclass(frozen=True)
class Dataset:
    """A public data set.

    Attributes:
        name: its name on the command line, which is also the name of its folder.
        title: a short description.
        source: the page that offers it.
        licence: its licence, and what to cite or attribute.
        recipes: names of the recipes that train on it.
        languages: the codes of its languages.
        table: the files of each language, with `{language}` in their strings.

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
        """Return the files for some languages.

        Raises:
            InputError: if the data set does not have one of the languages.
        """
        for language in languages:
            if language not in self.languages:
                raise InputError(
                    f"{self.name}: expected one of the languages {', '.join(self.languages)}. "
                    f"Received: {language!r}."
                )
        return [file.of(language) for language in languages for file in self.table]


def find_dataset(name: str) -> Dataset:
    """Return the data set with a name.

    Raises:
        InputError: if there is no such data set.
    """
    if name not in DATASETS:
        raise InputError(
            f"There is no data set {name!r}{suggest(name, DATASETS)}. "
            f"Expected one of: {', '.join(DATASETS)}."
        )
    return DATASETS[name]


def dataset_of(paths: Iterable[str]) -> Dataset | None:
    """Return the data set that files belong to, or None if it is unknown.

    Only the names count: each file must have the path that it has in a folder with the name of the
    data set, such as `g2p/kor_train.tsv`.
    """
    found = {f"/{path}".replace("\\", "/") for path in paths}
    for dataset in DATASETS.values():
        ends = tuple(f"/{dataset.name}/{file.path}" for file in dataset.files(dataset.languages))
        if found and all(path.endswith(ends) for path in found):
            return dataset
    return None


def fetch_command(folder: str) -> str:
    """Return the command that downloads a data set into `folder`, guessed from its name."""
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
            ("multi30k-en-de", "multi30k-en-fr", "multi30k-transformer"),
            ("en", "de", "fr"),
            _multi30k(),
        ),
        Dataset(
            "g2p",
            "words and their phones, of the SIGMORPHON 2020 shared task 1",
            "https://github.com/sigmorphon/2020 (task1/data)",
            "CC BY-SA, from Wiktionary; cite Gorman et al. 2020, "
            "doi.org/10.18653/v1/2020.sigmorphon-1.2",
            ("g2p", "g2p-many"),
            tuple("ady arm bul dut fre geo gre hin hun ice jpn kor lit rum vie".split()),
            _g2p(),
        ),
        Dataset(
            "tatoeba",
            "English sentences, their Korean translations, and the authors of both",
            "https://www.manythings.org/anki/, from https://tatoeba.org",
            "CC BY 2.0 FR; the third column of a line has the attribution",
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
