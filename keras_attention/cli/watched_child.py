"""A child process that trains as one of several, and its parent, which reports how it ends.

If a process of a distributed run dies, JAX aborts the others. Python cannot catch that, so the
command line trains in a child process. A pair of connected sockets joins the two: the child writes
its native messages into one end, and notices the end of its parent.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from keras_attention.cli.stopping import handle_stops

_VARIABLE = "KERAS_ATTENTION_PARENT"
"""The environment variable with the descriptor of the child's socket."""

_COMMAND = (sys.executable, "-c", "from keras_attention.cli import main; main()")
_GRACE = 20.0
"""Seconds in which a child must stop by itself after its parent has ended."""

_ABORT = b"Terminating process because the JAX distributed service detected fatal errors"


def wants_child() -> bool:
    """Return whether this process must train in a child.

    On Windows, a process cannot pass its socket on, so it trains itself.
    """
    backend = os.environ.get("KERAS_BACKEND", "jax")  # if it is not set, a file may name JAX
    return os.name == "posix" and _VARIABLE not in os.environ and backend == "jax"


def run_in_child(arguments: Sequence[str], command: Sequence[str] = _COMMAND) -> int:
    """Run the command line in a child process, and report it if JAX or a signal ends the child.

    SIGINT and SIGTERM are passed on.

    Returns:
        The exit code of the child; 2 if JAX aborted it, and 128 + N after another signal N.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            number = theirs.fileno()
            environment = {**os.environ, _VARIABLE: str(number)}
            child = subprocess.Popen([*command, *arguments], env=environment, pass_fds=[number])
        messages = _NativeMessages(ours)
        with handle_stops(lambda number, frame: child.send_signal(number)):
            code = child.wait()
        messages.join(timeout=1)  # a process that the child has started may keep the socket open
    if code == -signal.SIGABRT and messages.aborted_by_jax:
        print(f"error: {messages.explanation}", file=sys.stderr)
        return 2
    if code >= 0:
        return code
    print(f"error: the training process was ended by signal {-code}.", file=sys.stderr)
    return 128 - code


class _NativeMessages(threading.Thread):
    """A thread that prints what native code in the child prints, except JAX's report of its abort.

    Args:
        link: the parent's socket.
    """

    def __init__(self, link: socket.socket) -> None:
        super().__init__(daemon=True)
        self.explanation = ""
        """What an abort by JAX means; the child sends it before anything else."""
        self.aborted_by_jax = False
        self._lines = link.makefile("rb")
        self.start()

    def run(self) -> None:
        self.explanation = self._lines.readline().decode().strip()
        for line in self._lines:
            self.aborted_by_jax |= _ABORT in line
            if not self.aborted_by_jax:
                print(line.decode(errors="replace"), end="", file=sys.stderr, flush=True)


class Parent:
    """The parent of this process, as seen by the child; without one, nothing happens."""

    def __init__(self) -> None:
        number = os.environ.pop(_VARIABLE, None)  # not for the processes that this one starts
        self._link = None if number is None else socket.socket(fileno=int(number))
        if self._link is not None:
            self._link.set_inheritable(False)
            threading.Thread(target=self._end_with, args=[self._link], daemon=True).start()

    def report_abort(self, explanation: str) -> None:
        """Let the parent print an explanation if JAX aborts this process.

        For that, the messages of native code go to the parent, but those of Python do not.
        """
        if self._link is None:
            return
        if sys.stderr.fileno() == 2:  # as when the user has set TF_CPP_MIN_LOG_LEVEL
            options: Any = {"encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
            sys.stderr = open(os.dup(2), "w", **options)
        self._link.sendall(f"{explanation}\n".encode())
        os.dup2(self._link.fileno(), 2)
        if faulthandler.is_enabled():
            faulthandler.enable(2)

    @staticmethod
    def _end_with(link: socket.socket) -> None:
        """Stop this process as SIGTERM does when the parent has ended."""
        with suppress(OSError):
            link.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os._exit(128 + signal.SIGTERM)
