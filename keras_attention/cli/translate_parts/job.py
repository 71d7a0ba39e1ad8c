"""The model and the options of a `translate` command, which its worker processes get too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_attention.cli.command_parts.minimum_confidence import find_minimum
from keras_attention.cli.runtimes import NumberedTranslate, lines_at_once, open_numbered
from keras_attention.cli.translate_parts.translation_columns import Columns, link_finder
from keras_attention.files.artefacts import checksum_of
from keras_attention.translation.file_names import CONFIDENCE_FILE, LIMIT_FILE, SHORT_LIST_FILE
from keras_attention.translation.folders.ensemble_folder import is_ensemble, member_folders
from keras_attention.translation.folders.model_paths import check_model_path, find_parts, is_export


@dataclass(frozen=True)
class TranslationJob:
    """Everything that determines the output of `translate` for a line.

    The fields have the names of the parameters of the command, whose help explains them; `search`
    also has the prefix and the limits on outputs.
    """

    model: Path
    others: tuple[Path, ...] = ()
    search: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 64
    whole_vocabulary: bool = False
    features: Mapping[str, str] = field(default_factory=dict)
    max_tokens: int | None = None
    replace_unknown: bool = False
    nbest: int = 1
    scores: bool = False
    alignments: bool = False
    threshold: float | None = None
    words: bool = False
    as_json: bool = False
    min_confidence: str | None = None
    server: str | None = None
    deadline: float = 30.0

    def columns(self) -> Columns:
        """Return the columns to print."""
        minimum = find_minimum(
            self.min_confidence,
            self.model,
            others=bool(self.others),
            served=self.server is not None,
        )
        links = link_finder(
            self.model, alignments=self.alignments, threshold=self.threshold, words=self.words
        )
        return Columns(
            self.nbest, scores=self.scores, links=links, as_json=self.as_json, minimum=minimum
        )

    def open(self) -> NumberedTranslate:
        """Load the model, or connect to the server."""
        if self.server is not None:
            return self._open_server(self.server)
        return open_numbered(
            self.model,
            self.search,
            others=self.others,
            nbest=self.nbest,
            batch_size=self.batch_size,
            replace_unknown=self.replace_unknown,
            whole_vocabulary=self.whole_vocabulary,
            max_tokens=self.max_tokens,
            features=self.features,
        )

    def _open_server(self, server: str) -> NumberedTranslate:
        from keras_attention.cli.translate_parts.server_translator import open_server

        local = {
            "--with": self.others,
            "--replace-unknown": self.replace_unknown,
            "--words": self.words,
            "--max-tokens": self.max_tokens,
            "--whole-vocabulary": self.whole_vocabulary,
        }
        translator = open_server(
            server,
            self.model,
            self.search,
            nbest=self.nbest,
            batch_size=self.batch_size,
            alignments=self.alignments or self.as_json,
            deadline=self.deadline,
            refused=[name for name, value in local.items() if value],
            features=self.features,
        )
        return lambda first: translator  # a server does not sample

    def lines_at_once(self) -> int:
        """Return the number of lines to translate together."""
        if self.server is not None:
            from keras_attention.cli.translate_parts.server_translator import SERVED_AT_ONCE

            return self.batch_size * SERVED_AT_ONCE
        return lines_at_once(self.model, self.batch_size, sample=self.search.get("sample", False))

    def fingerprint(self) -> str:
        """Return a digest of the models' files that determine the output, in hexadecimal."""
        digest = hashlib.sha256()
        for path in (self.model, *self.others):
            check_model_path(path)
            for file in _files_of(path, confidence=self.min_confidence is not None):
                digest.update(f"{file.name} {checksum_of(file)}\n".encode())
        return digest.hexdigest()

    def options(self) -> dict[str, Any]:
        """Return the options that change the output, by name, as JSON values.

        The batch size is not one of them, and the models are compared by their `fingerprint`.
        """
        values = asdict(self)
        for name in ("model", "others", "batch_size", "server", "deadline"):
            del values[name]
        search = values.pop("search")
        for name in search.keys() & {"allowed", "terms"}:
            texts = repr(search[name]).encode("utf-8", "surrogatepass")
            search[name] = hashlib.sha256(texts).hexdigest()
        return {**values, **search}


def _files_of(path: Path, *, confidence: bool) -> Iterator[Path]:
    """Yield the files that determine the outputs of a model or an export, or their marks too."""
    if path.suffix == ".tflite":
        yield path
    elif is_export(path):
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        from keras_attention.translation.codec_files import CODEC_FILES

        names = (
            *CODEC_FILES,
            SHORT_LIST_FILE,
            LIMIT_FILE,
            *([CONFIDENCE_FILE] if confidence else []),
        )
        if is_ensemble(path) and (path / LIMIT_FILE).exists():
            yield path / LIMIT_FILE
        for member in member_folders(path):
            folder, file = find_parts(member)
            yield file
            yield from (folder / name for name in names if (folder / name).exists())
