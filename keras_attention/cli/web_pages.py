"""Writes the web page of a model, for `export --web` and `demo`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from keras_attention.errors import InputError
from keras_attention.export.web.litert_js import fetch_runtime, find_runtime
from keras_attention.export.web.web_page import (
    check_examples,
    check_tokenizers,
    check_web_folder,
    export_web,
    is_web_page,
)
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.folders.model_paths import check_model_path


@dataclass(frozen=True)
class PageOptions:
    """The options of a web page.

    The fields are `--example`, `--runtime` and `--fetch-runtime`, explained by the help.
    """

    examples: Sequence[str] = ()
    runtime: Path | None = None
    fetch: bool = False

    def given(self) -> list[str]:
        """Return the names of the options that are given."""
        values = (self.examples, self.runtime, self.fetch)
        names = ("--example", "--runtime", "--fetch-runtime")
        return [name for name, value in zip(names, values, strict=True) if value]

    def check_runtime(self) -> None:
        """Check that at most one option chooses the runtime, and that the runtime exists."""
        if self.fetch and self.runtime:
            raise InputError(
                "--runtime and --fetch-runtime exclude each other. "
                f"Received: --runtime {self.runtime} --fetch-runtime."
            )
        if not self.fetch:
            find_runtime(self.runtime or Path())

    def check_model(self, codec: TextCodec, name: str) -> None:
        """Check that the page supports a model, before it is converted."""
        check_tokenizers(codec, name)
        check_examples(self.examples, codec)

    def write(self, model: Path, folder: Path, *, title: str) -> Path:
        """Write the page of a TFLite file, and return its folder."""
        runtime = fetch_runtime() if self.fetch else nullcontext(self.runtime or Path())
        with runtime as found:
            return export_web(model, folder, runtime=found, title=title, examples=self.examples)


def check_page_options(options: PageOptions, folder: Path | None) -> None:
    """Check the options of `export --web` before anything is exported."""
    if folder is None:
        if given := options.given():
            raise InputError(f"{given[0]} requires --web DIR. Received: {given[0]} alone.")
        return
    check_web_folder(folder)
    options.check_runtime()


@contextmanager
def page_of(model: Path, options: PageOptions) -> Iterator[Path]:
    """Yield the folder of a page: `model` itself if it is one, otherwise a temporary folder."""
    if is_web_page(model):
        if given := options.given():
            raise InputError(
                f"{model}: is already a web page; --example, --runtime and --fetch-runtime cannot "
                f"change it. Received: {given[0]}."
            )
        yield model
        return
    check_model_path(model)
    options.check_runtime()
    with TemporaryDirectory() as folder:
        if model.suffix == ".tflite":
            file, title = model, model.stem
        else:
            file = _convert(model, Path(folder, "model.tflite"), options)
            title = model.resolve().name
        yield options.write(file, Path(folder, "page"), title=title)


def _convert(model: Path, file: Path, options: PageOptions) -> Path:
    """Write the TFLite file of a model's folder in float32."""
    from keras_attention.cli.exports import about_run
    from keras_attention.export.tflite.conversion import export_tflite
    from keras_attention.translation.translator import Translator

    translator = Translator.load(model)
    options.check_model(translator.codec, str(model))
    return export_tflite(translator, file, about=about_run(model))
