"""The entry point: standard streams, one-sentence errors, exit codes."""

import gc
import io
import os
import sys
import warnings
from contextlib import suppress
from typing import Any, TextIO

from keras_attention.cli.stopping import report_stop, set_exit_code, stop_on_signals
from keras_attention.cli.threads import limit_threads
from keras_attention.distribution import describe_conflict
from keras_attention.errors import InputError
from keras_attention.files.path_errors import reason_not_written
from keras_attention.lean_imports import import_lean
from keras_attention.native_messages import hide_start_messages

_DEFAULT_FORMAT = warnings.formatwarning
_INTERRUPTED = 130
"""Typer's exit code for a command that raised `KeyboardInterrupt`; older versions raise `Abort`."""


def main() -> None:
    """Run the command line and exit.

    The exit code is 0 on success, 1 if an export differs from the Keras model, 2 for unusable input
    or a full disk, 130 for Ctrl-C and 143 for SIGTERM.
    """
    with stop_on_signals():
        try:
            _open_streams()
            _prepare_tensorflow()
            _collect_rarely()
            _write_utf8()
            warnings.formatwarning = _format_warning
            if conflict := describe_conflict():
                print(f"warning: {conflict}", file=sys.stderr)
            code = _run()
        except KeyboardInterrupt:
            code = report_stop()
    sys.exit(set_exit_code(code))


def _run() -> int:
    """Run the command and return the exit code.

    Raises:
        KeyboardInterrupt: If a signal stops it.
    """
    import typer

    from keras_attention.cli.commands import app

    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        raise KeyboardInterrupt from None
    except (BrokenPipeError, SystemExit):  # typer turns most broken pipes into SystemExit
        _drop_output()
        return 0
    except Exception as error:
        usage_error: Any = typer.BadParameter.__base__  # an unknown option or a missing argument
        reason = reason_not_written(error)
        if isinstance(error, (InputError, usage_error)):
            return _report(error)
        if isinstance(error, OSError) or reason:
            return _report(_as_sentence(error, reason))
        raise
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code or 0


def _as_sentence(error: Exception, reason: str) -> Exception:
    """Return an error that names the file that could not be read or written."""
    name = getattr(error, "filename", None)
    reason = reason or getattr(error, "strerror", None) or str(error)
    where = "standard output or a file" if name is None else os.fsdecode(name)
    return InputError(f"{where}: cannot be read or written. Received: {reason}.")


def _report(error: Exception) -> int:
    """Print an error in one line on standard error, and return the exit code."""
    from keras_attention.cli.search_options import in_options
    from keras_attention.cli.unknown_options import explain_unknown_option

    message = explain_unknown_option(error)
    if not message:
        message = error.format_message() if hasattr(error, "format_message") else in_options(error)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    if message:  # empty if there are no arguments: typer has printed the help
        print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


def _format_warning(message: Any, category: type[Warning], *place: Any, **line: Any) -> str:
    """Return a warning as text. Those for users name no place in the source code."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return _DEFAULT_FORMAT(message, category, *place, **line)


def _drop_output() -> None:
    """Discard buffered output, so that flushing it at exit does not fail."""
    with suppress(OSError, ValueError):  # standard output may have no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Open standard output and error on the null device if they were closed at the start.

    Otherwise the next file that is opened would get their descriptors.
    """
    sys.stdout = sys.stdout or _open_null(1)
    sys.stderr = sys.stderr or _open_null(2)


def _open_null(descriptor: int) -> TextIO:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return open(os.devnull, "w", encoding="utf-8")


def _write_utf8() -> None:
    """Print UTF-8 in every locale, and leave the bytes of file names unchanged."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _prepare_tensorflow() -> None:
    """Set the environment variables that TensorFlow reads when it is imported, and the import hook.

    Training on a CPU is up to 1.6 times as fast with oneDNN.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    limit_threads(os.environ)
    hide_start_messages(os.environ)
    import_lean()


def _collect_rarely() -> None:
    """Collect garbage after 20,000 new objects; Python's default is 700 or 2,000.

    TensorFlow creates 400,000 objects that are never garbage. Its import takes a seventh less time.
    """
    gc.set_threshold(20_000)
