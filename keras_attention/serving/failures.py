"""What goes wrong with a server, and what is tried again."""

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
"""Characters of a server's own words that are passed on."""


class ServingError(InputError):
    """A server gave no answer, or one that cannot be used.

    Args:
        message: one sentence that names the server.
        passing: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


def in_a_line(words: str | None) -> str:
    """A server's own words as part of a sentence.

    Example:
        >>> in_a_line("Graph error: assertion failed: [few. Received:] [5] [[{{node a}}]]")
        'few. Received: 5'
    """
    line = " ".join((words or "no reason given").split())
    if asserted := _ASSERTED.search(line):  # our graphs refuse in a sentence
        line = re.sub(r"[\[\]]", "", asserted[1])
    return (line if len(line) <= _LONGEST else line[:_LONGEST] + "...").rstrip(".")


@dataclass(frozen=True)
class Retries:
    """How often a request is tried again, and after which pauses.

    Only what may pass is tried again: a server that cannot be reached, is starting, or has its
    queues full. Pauses double, and each is drawn between half and all of its length, so that
    clients which failed together do not come back together.

    Attributes:
        count: how often at most, not negative.
        first_pause: seconds.
        longest_pause: seconds.
        clock: gives the time in seconds.
        draw: gives a number in [0, 1).
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
        """What `attempt` returns, the first time that it does.

        Args:
            attempt: takes the seconds that are left.
            deadline: seconds for everything together.
            pause: waits some seconds; what it returns, where that is true, ends it all.

        Raises:
            ServingError: the last one, if no attempt succeeds.
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
                if not error.passing or last or pause(seconds):
                    raise _after(tried, error) from error.__cause__

    def _pause(self, tried: int) -> float:
        longest = min(self.longest_pause, self.first_pause * 2 ** (tried - 1))
        return longest * (1 + self.draw()) / 2


def _after(tried: int, error: ServingError) -> ServingError:
    if tried == 1:
        return error
    message = f"{str(error).rstrip('.')}; tried {tried} times."
    return ServingError(message, passing=error.passing)
