"""The translator of a model on a TensorFlow Serving server, for `translate`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_attention.cli.search_options import option_of
from keras_attention.decoding.options import ServedOptions
from keras_attention.errors import InputError
from keras_attention.serving import ServingClient
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import SETTINGS_FILE
from keras_attention.translation.folders.ensemble_folder import member_folders
from keras_attention.translation.result import Translate, Translation
from keras_attention.translation.searches.streaming import StreamText

SERVED_AT_ONCE = 4
"""Largest number of requests that wait for an answer at the same time."""


def open_server(
    server: str,
    model: Path,
    search: Mapping[str, Any],
    *,
    nbest: int = 1,
    batch_size: int = 64,
    alignments: bool = True,
    deadline: float = 30.0,
    refused: Sequence[str] = (),
    features: Mapping[str, str] | None = None,
) -> Translate:
    """Return the translator of a model on a server.

    `model` is its name there, or a path that ends in the name; a number after the name is the
    version. `refused` lists options that the user gave and that require the model's folder.
    """
    served = [*(known.key for known in ServedOptions.settings()), "nbest"]
    _check_served(server, search, served, refused, features)
    client = _connect(server, model, deadline, batch_size=batch_size, alignments=alignments)
    source = find_source(model)

    def translate(texts: Iterable[str]) -> Iterator[Translation]:
        found = client.stream(texts, nbest=nbest, **search)
        return found if source is None else (_with_unknown(each, source) for each in found)

    return translate


def open_server_stream(
    server: str,
    model: Path,
    search: Mapping[str, Any],
    *,
    deadline: float = 30.0,
    refused: Sequence[str] = (),
    features: Mapping[str, str] | None = None,
) -> tuple[StreamText, Tokenizer | None]:
    """Return what `open_stream` returns, for a model on a server; see `open_server`."""
    _check_served(server, search, ["beam_width"], refused, features, " with --stream")
    return _connect(server, model, deadline).stream, find_source(model)


def find_source(model: Path) -> Tokenizer | None:
    """Return the source tokenizer of a model on a server, if `model` is the path of its folder.

    The server does not report which tokens are unknown. If `model` is only a name, return None.
    """
    version = _name_and_version(model)[1]
    with suppress(InputError):  # the server can translate even if the files here are damaged
        (folder, *_) = member_folders(model if version is None else model.parent)
        if (folder / SETTINGS_FILE).is_file():
            return TextCodec.from_folder(folder).source
    return None


def _with_unknown(translation: Translation, source: Tokenizer) -> Translation:
    unknown = source.vocabulary.unknown_tokens(translation.source_tokens[:-1])
    return replace(translation, unknown_tokens=tuple(unknown))


def _check_served(
    server: str,
    search: Mapping[str, Any],
    served: Sequence[str],
    refused: Sequence[str],
    features: Mapping[str, str] | None,
    situation: str = "",
) -> None:
    """Check that a server supports the options that the user gave."""
    if features:
        raise InputError(
            "--feature requires the model's folder or an export; for a server, write the "
            "features before each line, as in '<language=kor> text'. "
            f"Received: --feature with --server {server}."
        )
    refused = [*refused, *(option_of(name) for name in search if name not in served)]
    if refused:
        *others, last = map(option_of, served)
        options = f"options {', '.join(others)} and {last}" if others else f"option {last}"
        raise InputError(
            f"{server}: a server supports only the search {options}{situation}. "
            f"Received: {refused[0]}."
        )


def _connect(server: str, model: Path, deadline: float, **options: Any) -> ServingClient:
    name, version = _name_and_version(model)
    return ServingClient(
        server, name, version=version, deadline=deadline, parallel=SERVED_AT_ONCE, **options
    )


def _name_and_version(model: Path) -> tuple[str, int | None]:
    last = model.resolve().name if model.name in ("", "..") else model.name
    if last.isascii() and last.isdigit() and model.parent.name:
        return model.parent.name, int(last)
    return last, None
