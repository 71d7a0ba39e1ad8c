"""Writes a folder with a web page that runs a TFLite file in the browser."""

from __future__ import annotations

import html
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from keras_attention.errors import InputError, check_texts
from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.files.schema import JsonFile, list_of, text
from keras_attention.translation.codec import SIDES, TextCodec
from keras_attention.visualization.html_page import digest_of, page_style

from ..device.device_file import read_device_file
from .litert_js import MODULES, copy_runtime, find_runtime, loaded_bytes

PAGE_FILE = "page.json"
"""The file that describes a page; it marks a folder that `export_web` wrote."""

FORMAT = 1
"""Version of a page's folder."""

TOKENIZERS = ("character", "word")
"""The tokenizers that `page/tokenizer.js` supports."""

_SHOWN = 40
_MODEL = "model.tflite"
_PARTS = Path(__file__).with_name("page")
_SCRIPTS = (
    *("page.js", "drawing.js", "translator.js", "choice.js", "tokenizer.js"),
    *("archive.js", "automaton.js"),
)
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {scripts}; style-src '{style}'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
)
_PAGE = JsonFile(
    "the page.json that `export --web` writes",
    {"title": text(), "model": text(), "examples": list_of(text())},
    FORMAT,
)


def export_web(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    runtime: str | os.PathLike[str],
    title: str | None = None,
    examples: Sequence[str] = (),
) -> Path:
    """Write a folder with a web page that runs a TFLite file.

    The page translates what is typed, token by token, and shows the alignment, the alternatives of
    each token, the outputs of beam search and the confidence. It obeys a limit on the file's
    outputs. It loads nothing from a network, and its security policy forbids it to send anything.
    Serve the folder with any web server, under any path.

    Args:
        model: a TFLite file that `export_tflite` wrote, with character or word tokenizers.
        folder: the folder to write. It may exist if it is empty or an earlier page.
        runtime: the folder in which `npm install @litertjs/core` was run.
        title: the title of the page. Default: the name of the file without its suffix.
        examples: sources that the page offers; it translates the first one when it opens.

    Returns:
        The path of the folder.

    Raises:
        InputError: if the file has a different tokenizer or a batch size, the runtime is missing,
            an example has too many tokens, or the folder has other files.
        TypeError: if `examples` is not an iterable of strings.

    Example:
        export_web("saved_models/pretrained/dates.tflite", "page", runtime=".")
    """
    examples = list(check_texts(examples, "examples"))
    found, name = find_runtime(Path(runtime)), os.fspath(model)
    check_web_folder(folder)
    content = read_artefact(model, largest=LARGEST_MODEL)
    file = read_device_file(content, name)
    codec = file.codec
    if file.batch_size > 1:
        raise InputError(
            f"{name}: LiteRT.js refuses files with inputs of any length; export the model without "
            f"--tflite-batch. Received: a file that searches {file.batch_size} texts together."
        )
    check_tokenizers(codec, name)
    check_examples(examples, codec)
    title = title or Path(name).stem
    with write_atomically(folder, folder=True) as temporary:
        temporary.mkdir()
        (temporary / _MODEL).write_bytes(content)
        size = len(content) + loaded_bytes(found)
        (temporary / "index.html").write_text(_index(title, size), encoding="utf-8")
        values = {"format": FORMAT, "title": title, "model": _MODEL, "examples": examples}
        (temporary / PAGE_FILE).write_text(
            json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        for script in _SCRIPTS:
            shutil.copyfile(_PARTS / script, temporary / script)
        copy_runtime(found, temporary / "litert")
    return Path(folder)


def check_web_folder(folder: str | os.PathLike[str]) -> None:
    """Check that a folder is missing, empty or an earlier page, because it would be replaced.

    Raises:
        InputError: if it has other files, or is a file.
    """
    path = Path(folder)
    if not path.exists() or (path.is_dir() and (is_web_page(path) or not any(path.iterdir()))):
        return
    kind = f"a folder with {min(path.iterdir()).name}" if path.is_dir() else "a file"
    raise InputError(
        f"{path}: expected a new or empty folder for the web page, or one that `export --web` "
        f"wrote. Received: {kind}."
    )


def is_web_page(folder: Path) -> bool:
    """Return whether `export_web` wrote a folder."""
    try:
        _PAGE.parse(read_artefact(folder / PAGE_FILE), str(folder))
    except InputError:
        return False
    return True


def check_tokenizers(codec: TextCodec, name: str) -> None:
    """Check that the page supports a model's tokenizers.

    Args:
        codec: the tokenizers.
        name: the model's name in the error.

    Raises:
        InputError: if a tokenizer is not one of `TOKENIZERS`.
    """
    for side, tokenizer in zip(SIDES, (codec.source, codec.target), strict=True):
        if tokenizer.name not in TOKENIZERS:
            raise InputError(
                f"{name}: a web page supports only character and word tokenizers, because a "
                f"browser has no sentencepiece library. Received: a {tokenizer.name} tokenizer of "
                f"the {side}."
            )


def check_examples(examples: Sequence[str], codec: TextCodec) -> None:
    """Check that the page can translate the examples.

    Raises:
        InputError: if one has too many tokens, or none.
    """
    most = codec.settings.max_source_length
    for example in examples:
        # The visitor chooses the values of source features on the page.
        ids = codec.source.vocabulary.encode(codec.source.split(example))
        tokens = len(ids) + len(codec.source.features) + 1
        if not ids or tokens > most:
            raise InputError(
                f"an example must have at least one token, and at most {most} tokens including "
                f"</s>. Received: {example!r:.{_SHOWN}} with {tokens}."
            )


def _index(title: str, size: int) -> str:
    """Return the HTML of a page; `size` is the number of bytes that the browser loads."""
    local = (_PARTS / "local.js").read_text(encoding="utf-8")
    modules = json.dumps({"imports": MODULES})
    style = page_style(str(_PARTS / "page"))
    scripts = " ".join(f"'{digest_of(script)}'" for script in (local, modules))
    return Template((_PARTS / "index.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        megabytes=max(1, round(size / 1e6)),
        policy=_POLICY.format(scripts=scripts, style=digest_of(style)),
        style=style,
        modules=modules,
        local=local,
    )
