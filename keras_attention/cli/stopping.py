"""Stops the program cleanly on Ctrl-C and on SIGTERM, which job schedulers send."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_received: list[int] = []
_received_at: dict[int, float] = {}
_exit_code: list[int] = [1]  # what Python exits with after an exception that nobody catches
_advice: list[str] = []

_RETRY_SECONDS = 0.05

_REPEAT_SECONDS = 1.0
"""Seconds in which the same signal is ignored if it comes again. A terminal or a scheduler may send
it to all processes, and the parent of `run_in_child` then passes it on too."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` inside the block on SIGTERM, as on Ctrl-C."""
    _received.clear()
    _received_at.clear()
    _advice.clear()
    with handle_stops(_stop), _repeat_ignored_stops():
        yield


@contextmanager
def handle_stops(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function handle SIGINT and SIGTERM inside the block, if this is the main thread.

    A signal that is ignored when the program starts stays ignored.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = [number for number, old in before.items() if old != signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextmanager
def _repeat_ignored_stops() -> Iterator[None]:
    """Send a signal again if Python has ignored the exception that it raised.

    Python ignores the exceptions of destructors, and of callbacks of the garbage collector and of
    weak references. Any function that is called there may be interrupted.
    """
    before = sys.unraisablehook
    again = threading.Timer(0, lambda: None)

    def repeat(ignored: UnraisableHookArgs) -> None:
        nonlocal again
        if not isinstance(ignored.exc_value, KeyboardInterrupt) or not _received:
            return before(ignored)
        again.cancel()
        number = _received.pop()
        _received_at.pop(number, None)
        again = threading.Timer(_RETRY_SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()

    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def advise_on_stop(advice: str, when: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Add a sentence to the message of `report_stop` if the block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        _advice.extend([advice] * when())
        raise


def advise_on_output(path: Path | None) -> AbstractContextManager[None]:
    """Report that a file was not written if the block that writes it is interrupted."""
    return advise_on_stop(f"Nothing was written to {path}.", lambda: path is not None)


def report_stop(*, always: bool = False) -> int:
    """Print that the program was stopped, and return its exit code.

    Ctrl-C prints a message only if there is advice to add, or with `always`.
    """
    number = _received[-1] if _received else signal.SIGINT
    if always or _advice or number != signal.SIGINT:
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        print(" ".join([f"Stopped{by}.", *_advice]), file=sys.stderr)
    return 128 + number


def exit_at_once() -> None:
    """When the program ends, skip the exit handlers that libraries have registered so far."""
    atexit.register(_exit)


def set_exit_code(code: int) -> int:
    """Store and return the code that the program is about to exit with."""
    _exit_code.append(code)
    return code


def _exit() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(_exit_code[-1])


def _stop(number: int, frame: FrameType | None) -> None:
    if "_find_and_load" in _names(frame):
        # An import may replace or swallow an exception. No work has begun yet, so end at once.
        _received.append(number)
        os._exit(report_stop(always=True))
    now = time.monotonic()
    if now - _received_at.get(number, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
        return
    _received_at[number] = now
    _received.append(number)
    raise KeyboardInterrupt


def _names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back
