"""Run the pipeline of a `bulk` command, show its progress and print its counters."""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState

from keras_attention.cli.bulk_parts.job_model import JobModel
from keras_attention.cli.bulk_parts.runner_options import DIRECT, shared_cores
from keras_attention.cli.progress import show_progress, shows_progress
from keras_attention.cli.stopping import advise_on_stop
from keras_attention.errors import InputError
from keras_attention.export.bulk.beam_package import logs_hidden
from keras_attention.export.bulk.chunks import InputFile
from keras_attention.export.bulk.output_files import OutputFiles, delete_output, prepare_output
from keras_attention.export.bulk.pipeline import BulkTranslation
from keras_attention.export.bulk.records import COUNTERS, NAMESPACE, RecordFormat
from keras_attention.export.bulk.storage import is_local
from keras_attention.files.text_files import count_lines
from keras_attention.native_messages import native_output_hidden

_CLOSED = "Channel closed prematurely."
_WORKER_ENDED = "a worker process that ended early; if the memory is full, use fewer workers."

_SECONDS = 0.5
"""Seconds between two updates of the progress bar."""


def run_bulk(
    model: JobModel,
    inputs: list[InputFile],
    outputs: OutputFiles,
    form: RecordFormat,
    options: PipelineOptions,
    *,
    overwrite: bool,
) -> None:
    """Translate files with a model that the caller has already checked, and print the counters.

    Raises:
        InputError: if the options are incomplete, if there is an earlier output that must not be
            overwritten, or if the pipeline fails; in all these cases, there is no new output.
    """
    begun = time.monotonic()
    pipeline = _make_pipeline(options)
    prepare_output(outputs, overwrite=overwrite)  # after all checks, because it may delete files
    with _progress(inputs) as progress:
        size = model.lines_at_once()
        _ = pipeline | BulkTranslation(
            inputs, model, outputs, size=size, form=form, progress=progress
        )
        with shared_cores(options):
            counters = _run(pipeline, options.view_as(StandardOptions).runner, outputs)
    _print_summary(counters, outputs, time.monotonic() - begun)


def _make_pipeline(options: PipelineOptions) -> beam.Pipeline:
    try:
        with logs_hidden():
            return beam.Pipeline(options=options)
    except ValueError as error:  # the runner requires further options
        raise InputError(f"RUNNER OPTIONS: {' '.join(str(error).split())}") from error


def _run(pipeline: beam.Pipeline, runner: str, outputs: OutputFiles) -> Mapping[str, int] | None:
    """Run the pipeline, and return its counters, or None if the runner has none."""
    try:
        nothing = f"Nothing was written to {outputs.prefix}."
        with advise_on_stop(nothing), _quiet(runner):
            result = pipeline.run()
            state = result.wait_until_finish()
    except Exception as error:  # a runner may raise any exception
        delete_output(outputs)
        raise InputError(
            f"{runner}: the pipeline failed and wrote no output. Received: {_last_line(error)}"
        ) from error
    if state != PipelineState.DONE:
        delete_output(outputs)
        raise InputError(
            f"{runner}: the pipeline did not succeed and wrote no output. Received: the state "
            f"{state}."
        )
    return _counters(result)


def _last_line(error: Exception) -> str:
    """Return the message of an error, without the traceback of the worker that precedes it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return _WORKER_ENDED if last == _CLOSED else last


@contextmanager
def _quiet(runner: str) -> Iterator[None]:
    """Hide the logs of the DirectRunner and its workers, unless native messages are shown.

    Show what other runners log about a job, such as its address.
    """
    here = runner == DIRECT
    logger = logging.getLogger(None if here else "apache_beam.runners")
    before = logger.level
    logging.basicConfig()
    logger.setLevel(logging.CRITICAL if here else logging.INFO)
    report = threading.excepthook
    if here:  # hide the traceback of a killed worker's thread; the pipeline reports the error
        threading.excepthook = lambda arguments: None
    try:
        with native_output_hidden() if here and _has_own_stderr() else nullcontext():
            yield
    finally:
        logger.setLevel(before)
        threading.excepthook = report


def _has_own_stderr() -> bool:
    """Return whether `sys.stderr` and native code write to different file descriptors."""
    try:
        return sys.stderr.fileno() != 2
    except (OSError, ValueError):  # not a real file
        return False


def _counters(result: Any) -> dict[str, int] | None:
    try:
        found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    except NotImplementedError:
        return None
    counters = dict.fromkeys(COUNTERS, 0)
    for each in found:
        counters[each.key.metric.name] += each.result
    return counters


def _print_summary(counters: Mapping[str, int] | None, outputs: OutputFiles, took: float) -> None:
    dead = outputs.final(outputs.shards)
    if counters is None:
        print(f"This runner reports no counters. Lines that could not be translated are in {dead}.")
    else:
        for name, value in counters.items():
            print(f"{name}: {value}")
        print(f"seconds: {took:.1f}\nlines per second: {counters['lines'] / took:.1f}")
    print(f"shards: {outputs.final(0)} to {outputs.final(outputs.shards - 1)}")
    print(f"dead letters: {dead}")


@contextmanager
def _progress(inputs: list[InputFile]) -> Iterator[str]:
    """Yield the path of a file to which workers append the number of finished lines; "" for none.

    The progress bar shows their sum. Workers on other machines cannot write to the file.
    """
    if not shows_progress():
        yield ""
        return
    local = all(is_local(each.path) for each in inputs)
    total = sum(count_lines(each.path) for each in inputs) if local else None
    with tempfile.NamedTemporaryFile() as file, show_progress(total, unit="lines") as advance:
        ended = threading.Event()

        def follow() -> None:
            done, is_last = 0, False
            while not is_last:
                is_last = ended.wait(_SECONDS)  # then count what was added since the last time
                found = sum(map(int, Path(file.name).read_bytes().split(b"\n")[:-1]))
                advance(found - done)
                done = found

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield file.name
        finally:
            ended.set()
            thread.join()
