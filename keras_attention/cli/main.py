"""The entry point: quiet start, one-sentence errors, exit codes."""

import io
import os
import sys

import typer

from keras_attention.cli.threads import limit_threads
from keras_attention.distribution import describe_conflict
from keras_attention.errors import InputError

UsageError = typer.BadParameter.__base__
"""What typer raises for an unknown option or a missing argument."""


def main() -> None:
    """Runs the command line and exits: 0 done, 1 exports disagree, 2 unusable input."""
    _quiet_start()
    _write_utf8()
    if conflict := describe_conflict():
        print(f"warning: {conflict}", file=sys.stderr)
    from keras_attention.cli.commands import app

    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except (BrokenPipeError, SystemExit):  # typer turns most of the former into the latter
        # The reader of our output has gone; Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (InputError, UsageError) as error:  # type: ignore[misc]
        code = _report(error)
    except OSError as error:  # a full disk, say
        code = _report(error)
    sys.exit(code or 0)


def _report(error: Exception) -> int:
    """One line on standard error."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    sys.stdout.flush()
    if message:  # no arguments at all: typer has printed the help
        print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


def _write_utf8() -> None:
    """Writes what is read: UTF-8, whatever the locale; file names of other bytes pass unchanged."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _quiet_start() -> None:
    """Sets TensorFlow up before it is imported.

    oneDNN trains up to 1.6 times as fast on a CPU. TensorFlow's own start-up messages go straight
    to file descriptor 2, whatever its log level, so that is pointed elsewhere and `sys.stderr`
    kept; set TF_CPP_MIN_LOG_LEVEL below 3 to see them.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    limit_threads(os.environ)
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
        return
    sys.stderr = open(kept, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
