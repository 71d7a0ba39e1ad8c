"""Errors of a server, and retries after temporary errors."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from keras_attention.errors import InputError

Answer = TypeVar("Answer")

_ASSERTED = re.compile(r"assertion failed: (.+?)(?: \[\[\{\{node .*)?$")
_LONGEST = 300
"""Largest number of characters of a server's message that an error quotes."""


class ServingError(InputError):
    """An error of a server: it does not answer, or its answer is invalid.

    Args:
        message: one line that names the server.
        temporary: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


def in_a_line(words: str | None) -> str:
    """Return a server's message on one line, to quote it in an error.

    Example:
        >>> in_a_line("Graph error: assertion failed: [few. Received:] [5] [[{{node a}}]]")
        'few. Received: 5'
    """
    line = " ".join((words or "no reason given").split())
    if asserted := _ASSERTED.search(line):  # the assertions of our graphs contain a full message
        line = re.sub(r"[\[\]]", "", asserted[1])
    return (line if len(line) <= _LONGEST else line[:_LONGEST] + "...").rstrip(".")


@dataclass(frozen=True)
class Retries:
    """The number of retries of a request, and the pauses before them.

    Only temporary failures are retried: the server cannot be reached, is starting, or has full
    queues. The nominal length of the pause doubles each time. The real length is random, between
    half of the nominal length and all of it, so that clients that failed at the same time do not
    retry at the same time.

    Attributes:
        count: largest number of retries, at least 0.
        first_pause: seconds before the first retry.
        longest_pause: upper limit of a pause in seconds.
        clock: returns the time in seconds.
        draw: returns a random number in [0, 1).
    """

    count: int = 3
    first_pause: float = 0.1
    longest_pause: float = 2.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)

    def run(
        self,
        attempt: Callable[[float], Answer],
        deadline: float,
        pause: Callable[[float], object] = time.sleep,
    ) -> Answer:
        """Call `attempt` until it succeeds, and return its result.

        Args:
            attempt: called with the number of seconds left.
            deadline: time limit in seconds for all attempts and pauses together.
            pause: waits the given number of seconds; there are no more retries if it returns True.

        Raises:
            ServingError: the error of the last attempt, if no attempt succeeds.
        """
        end = self.clock() + deadline
        tried = 0
        while True:
            tried += 1
            try:
                return attempt(max(end - self.clock(), 0.001))
            except ServingError as error:
                seconds = self._pause(tried)
                last = tried > self.count or self.clock() + seconds >= end
                if not error.temporary or last or pause(seconds):
                    raise _after(tried, error) from error.__cause__

    def _pause(self, tried: int) -> float:
        longest = min(self.longest_pause, self.first_pause * 2 ** (tried - 1))
        return longest * (1 + self.draw()) / 2


def _after(tried: int, error: ServingError) -> ServingError:
    if tried == 1:
        return error
    message = f"{str(error).rstrip('.')}; tried {tried} times."
    return ServingError(message, temporary=error.temporary)
