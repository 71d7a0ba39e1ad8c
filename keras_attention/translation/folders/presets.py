"""Presets: trained translators that are published in a folder or on a hub, with a model card."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_attention._version import __version__
from keras_attention.distribution import DISTRIBUTION, install_command
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.codec_files import CODEC_FILES
from keras_attention.translation.file_names import (
    CONFIDENCE_FILE,
    LIMIT_FILE,
    MODEL_FILE,
    SHORT_LIST_FILE,
)

CARD_FILE = "README.md"
"""The file name that the hubs expect for the model card."""

PRESET_FILES = (
    *CODEC_FILES,
    *(MODEL_FILE, SHORT_LIST_FILE, CONFIDENCE_FILE, LIMIT_FILE, CARD_FILE),
)
"""The only files of a preset that are downloaded and uploaded."""


def find_preset(preset: str | Path) -> Path:
    """Return the folder of a preset, after downloading it if it is on a hub.

    Args:
        preset: a folder, `hf://USER/NAME` or `kaggle://USER/MODEL/keras/VARIATION`. Hub libraries
            keep downloads in their caches, and download again only what has changed.

    Raises:
        InputError: if the hub's library is not installed, or the download fails.
    """
    name = str(preset)
    if name.startswith("hf://"):
        download = _function(name, "huggingface_hub", "snapshot_download")
        return Path(_call(download, name, allow_patterns=list(PRESET_FILES)))
    if name.startswith("kaggle://"):
        return Path(_call(_function(name, "kagglehub", "model_download"), name))
    return Path(_without_scheme(name) if "://" in name else name)


def upload_preset(preset: str, folder: str | Path) -> None:
    """Upload to a hub a folder that `Translator.save_to_preset` wrote.

    You must have logged in with the hub's library: `huggingface_hub.login()` or
    `kagglehub.login()`.

    Args:
        preset: `hf://USER/NAME` or `kaggle://USER/MODEL/keras/VARIATION`. A repository that does
            not exist is created.
        folder: the folder. Only the files of a preset are uploaded, not the rest of a run folder,
            such as held-out pairs.

    Raises:
        InputError: if the folder has no model, if the hub's library is not installed, or if the
            upload fails.
    """
    preset, folder = str(preset), Path(folder)
    for needed in (MODEL_FILE, CARD_FILE):
        if not (folder / needed).is_file():
            raise InputError(
                f"{folder}: expected a folder that `Translator.save_to_preset` wrote. "
                f"Received: no {needed} in it."
            )
    if preset.startswith("hf://"):
        _call(_function(preset, "huggingface_hub", "create_repo"), preset, exist_ok=True)
        upload = _function(preset, "huggingface_hub", "upload_folder")
        files = list(PRESET_FILES)
        _call(
            lambda handle: upload(repo_id=handle, folder_path=folder, allow_patterns=files), preset
        )
    elif preset.startswith("kaggle://"):
        # The library ignores the files of a folder only if the pattern ends with a slash.
        others = [
            path.name + "/" * path.is_dir()
            for path in sorted(folder.iterdir())
            if path.name not in PRESET_FILES
        ]
        upload = _function(preset, "kagglehub", "model_upload")
        _call(upload, preset, local_model_dir=str(folder), ignore_patterns=others)
    else:
        raise InputError(f"`preset` must start with hf:// or kaggle://. Received: {preset!r}.")


def _function(preset: str, library: str, name: str) -> Callable[..., Any]:
    """Return a function of a hub's library."""
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(library), name)
    except ImportError:
        raise InputError(
            f"{preset}: requires {library}; install it with {install_command('hub')}. "
            f"Received: no {library}."
        ) from None
    return function


def _call(function: Callable[..., Any], preset: str, **options: Any) -> Any:
    """Call a function of a hub's library with the handle of a preset."""
    try:
        return function(_without_scheme(preset), **options)
    except Exception as error:  # the libraries raise their own errors and HTTP errors
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{preset}: the hub's library failed: {reason}") from error


def _without_scheme(preset: str) -> str:
    scheme, _, handle = preset.partition("://")
    if scheme not in ("hf", "kaggle"):
        raise InputError(
            f"{preset}: expected a folder, hf://USER/NAME or kaggle://USER/MODEL/keras/VARIATION. "
            f"Received: {scheme}://."
        )
    return handle


def check_preset_folder(folder: str | Path) -> None:
    """Check that a preset can be saved to a folder.

    Raises:
        InputError: if it is an address, or has a README.md that is not the card of a model.
    """
    path = Path(folder)
    if "://" in str(folder):
        raise InputError(
            f"{folder}: expected a folder; save the preset to a folder, and then call "
            "`upload_preset`. Received: an address."
        )
    if (path / CARD_FILE).exists() and not (path / MODEL_FILE).exists():
        raise InputError(
            f"{folder}: expected a new folder, or one with a model, because {CARD_FILE} would be "
            f"replaced. Received: a folder with {CARD_FILE} but without {MODEL_FILE}."
        )


def write_card(
    folder: Path,
    model: Seq2Seq,
    codec: TextCodec,
    *,
    metrics: Mapping[str, float | str],
    training: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Write the model card of a translator into a folder.

    Args:
        folder: the folder of the preset.
        model: the translator's model.
        codec: its tokenizers and search settings.
        metrics: measured figures by name.
        training: facts about the training, such as the data and its licence, by name.
        tags: further entries for the card's header, such as `license` and `language`.
    """
    figures = {
        name: value if isinstance(value, str) else f"{value:g}" for name, value in metrics.items()
    }
    lines = [
        *_header(tags),
        *_introduction(folder.resolve().name),
        *_table("metric | value", figures),
        *_table("training | ", training),
        *_table("model | ", _describe(model, codec)),
    ]
    write_file(folder / CARD_FILE, "\n".join(lines).encode())


def _header(tags: Mapping[str, str]) -> list[str]:
    # JSON strings are YAML strings too.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in tags.items()]
    return ["---", "library_name: keras", "tags: [keras-attention, seq2seq]", *lines, "---", ""]


def _introduction(name: str) -> list[str]:
    return [
        f"# {name}",
        "",
        "A sequence-to-sequence model with attention, trained with keras-attention.",
        "",
        "```",
        f"pip install {DISTRIBUTION}",
        "```",
        "",
        "```python",
        "from keras_attention import Translator",
        "",
        'translator = Translator.from_preset("PATH OR ADDRESS OF THIS FOLDER")',
        'translator("a source text").text',
        "```",
        "",
    ]


def _table(head: str, rows: Mapping[str, str]) -> list[str]:
    """Return the lines of a Markdown table with two columns, or none if there are no rows."""
    if not rows:
        return []
    cells = [f"{name} | {value}".replace("\n", " ") for name, value in rows.items()]
    return [*(f"| {line} |" for line in (head, "---|---", *cells)), ""]


def _describe(model: Seq2Seq, codec: TextCodec) -> dict[str, str]:
    """Return the size and the parts of a model, by name."""
    sides = {"source": codec.source, "target": codec.target}
    attention = model.settings.attention
    return {
        "parameters": f"{model.count_params():,}",
        **{part: _kind(getattr(model.settings, part)) for part in ("encoder", "decoder")},
        "attention": type(attention).__name__ if attention is not None else "none",
        **{
            f"{side} tokens": f"{len(tokenizer.vocabulary):,}, {tokenizer.name}"
            for side, tokenizer in sides.items()
        },
        "longest source": f"{codec.settings.max_source_length} tokens in a browser",
        "longest output": f"{codec.settings.max_length} tokens",
        "made with": f"{DISTRIBUTION} {__version__}",
    }


def _kind(part: Any) -> str:
    return part if isinstance(part, str) else type(part).__name__
