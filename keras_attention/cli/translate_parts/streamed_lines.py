"""Translates lines one by one, and prints each part of an output as soon as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from keras_attention.cli.lines import InputLines, Line, OnError, Reader
from keras_attention.cli.runtimes import load_local
from keras_attention.cli.search_options import option_of
from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.cli.translate_parts.outputs import Tally
from keras_attention.cli.translate_parts.translated_lines import Problems
from keras_attention.errors import InputError, TextError
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.folders.model_paths import check_model_path, is_export
from keras_attention.translation.searches.streaming import StreamText, check_streamed, text_parts


def check_combined(**options: object) -> None:
    """Check that no option is given that `--stream` does not support."""
    for name, value in options.items():
        if value:
            option = option_of(name)
            raise InputError(
                f"--stream prints only the text of an output and cannot be combined with {option}. "
                f"Received: --stream and {option}."
            )


def open_stream(job: TranslationJob) -> tuple[StreamText, Tokenizer | None]:
    """Load the model of a job, or connect to its server.

    Returns:
        A function that streams, and the tokenizer of the sources. The tokenizer is None if it is
        not known.
    """
    path, search = job.model, job.search
    check_streamed(**{name: search[name] for name in ("beam_width", "sample") if name in search})
    local = {
        "with": job.others,
        "max_tokens": job.max_tokens,
        "whole_vocabulary": job.whole_vocabulary,
    }
    given = [name for name, value in local.items() if value]
    if job.server is not None:
        from keras_attention.cli.translate_parts.server_translator import open_server_stream

        return open_server_stream(
            job.server,
            path,
            search,
            deadline=job.deadline,
            refused=list(map(option_of, given)),
            features=job.features,
        )
    for each in (path, *job.others):
        check_model_path(each)
    if is_export(path):
        allowed = ("beam_width", "max_tokens") if path.suffix == ".tflite" else ("beam_width",)
        if refused := [name for name in (*search, *given) if name not in allowed]:
            raise InputError(
                f"{path}: an export streams with its own settings; options of the search require "
                f"the model's folder. Received: {option_of(refused[0])}."
            )
        return _open_export(path, job.features, job.max_tokens)
    search = {**search, "features": job.features}
    translator = load_local(
        [path, *job.others],
        search,
        whole_vocabulary=job.whole_vocabulary,
        max_tokens=job.max_tokens,
    )
    return partial(translator.stream, **search), translator.codec.source


def _open_export(
    path: Path, features: Mapping[str, str], max_tokens: int | None
) -> tuple[StreamText, Tokenizer | None]:
    if path.suffix != ".tflite":
        from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator

        saved = SavedModelTranslator.load(path)
        stream = partial(saved.stream, features=features)
        with suppress(TextError):  # this call only checks the export and the features
            stream("")
        return stream, saved.codec.source if saved.codec else None
    from keras_attention.export.device.device_translator import DeviceTranslator

    device = DeviceTranslator.load(path, max_tokens=max_tokens)
    device.codec.source.features.check(features)
    return partial(device.stream, features=features), device.codec.source


def run_stream(
    stream: StreamText,
    source: Tokenizer | None,
    file: str,
    on_error: OnError,
    reader: Reader | None = None,
) -> None:
    """Translate the lines of a file as they arrive, and print each output while it is searched.

    Args:
        stream: yields the tokens of an output.
        source: the tokenizer of the sources, to find unknown tokens; None if it is not known.
        file: the file, a pattern that matches files, or `-` for standard input.
        on_error: what to do with a line that cannot be used.
        reader: see `InputLines`.

    Raises:
        InputError: if the file cannot be read, the model cannot stream or, with `OnError.STOP`, a
            line cannot be used.
    """
    lines = InputLines(file, reader=reader)
    problems = Problems(lines, on_error, Tally())
    for number, line in enumerate(lines):
        if problem := _print_parts(stream, line):
            problems.report(problem, number)
        elif source is not None and isinstance(line, str):
            problems.note_unknown(source.vocabulary.unknown_tokens(source.split(line)), number)
        problems.tally.lines += 1
        if not problem or on_error is not OnError.SKIP:
            print(flush=True)
        if lines.are_typed:
            problems.report_unknown(1)
    problems.report_count()
    problems.report_unknown(problems.tally.lines)


def _print_parts(stream: StreamText, line: Line) -> InputError | None:
    """Print the parts of an output, or return the error if the line cannot be used."""
    if isinstance(line, InputError):
        return line
    try:
        for part in text_parts(stream(line)):
            print(part, end="", flush=True)
    except TextError as error:
        return error
    return None
