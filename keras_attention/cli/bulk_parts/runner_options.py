"""The runner of a `bulk` command and its options, which Beam defines."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    TypeOptions,
)
from apache_beam.runners.runner import create_runner

from keras_attention.child_processes import child_environment, count_cores
from keras_attention.errors import InputError
from keras_attention.export.bulk.beam_package import logs_hidden

DIRECT = "DirectRunner"
_PORTABLE = ("PortableRunner", "FlinkRunner", "SparkRunner")
"""Runners whose job server may define more options."""


def read_runner_options(given: Sequence[str]) -> PipelineOptions:
    """Return Beam's options from the words after `--` on the command line.

    Raises:
        InputError: if an option or the runner is unknown, or a value is invalid.
    """
    options = _parse(given)
    runner = options.view_as(StandardOptions).runner or DIRECT
    options.view_as(StandardOptions).runner = runner
    try:
        create_runner(runner)  # imports the runner's module, which may declare options
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(
            f"--runner: expected a runner of Apache Beam that is installed. Received: {runner}: "
            f"{error}."
        ) from error
    if runner.rpartition(".")[2] not in _PORTABLE:
        _check_known(_parse(given))
    if runner == DIRECT:
        _prepare_direct(options)
    return options


def _parse(given: Sequence[str]) -> PipelineOptions:
    """Parse options. If `argparse` exits because of an invalid value, raise an `InputError`."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), logs_hidden():
            options = PipelineOptions(list(given))
            options.get_all_options()
    except SystemExit:
        reason = printed.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise InputError(f"RUNNER OPTIONS: {reason}.") from None
    return options


def _check_known(options: PipelineOptions) -> None:
    with logs_hidden():
        known = options.get_all_options()
        everything = options.get_all_options(retain_unknown_options=True)
    if unknown := sorted(everything.keys() - known.keys()):
        raise InputError(
            f"RUNNER OPTIONS: expected options of Apache Beam. Received: --{unknown[0]}."
        )


def _prepare_direct(options: PipelineOptions) -> None:
    """Let the DirectRunner use one process per worker; 0 workers means one per core.

    Beam's DirectRunner first tries to download another runner, Prism, which ignores the number of
    workers. It does not do so if a pipeline allows unsafe triggers. Our pipeline has no triggers,
    so this option has no other effect.
    """
    options.view_as(TypeOptions).allow_unsafe_triggers = True
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = direct.direct_num_workers or count_cores()
    if direct.direct_num_workers > 1 and direct.direct_running_mode == "in_memory":
        direct.direct_running_mode = "multi_processing"


@contextlib.contextmanager
def shared_cores(options: PipelineOptions) -> Iterator[None]:
    """Give each worker that starts during the block an equal share of the cores."""
    before = dict(os.environ)
    count = options.view_as(DirectOptions).direct_num_workers
    if options.view_as(StandardOptions).runner == DIRECT and count > 1:
        os.environ.update(child_environment(os.environ, count))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
