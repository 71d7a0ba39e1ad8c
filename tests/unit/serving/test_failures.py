import pytest

from keras_attention.errors import InputError
from keras_attention.serving.failures import Retries, ServingError, in_a_line


class Time:
    """A clock that pauses move."""

    def __init__(self):
        self.now, self.pauses = 100.0, []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds
        self.pauses.append(seconds)


def failing(times, error, seconds=0.0, time=None):
    """An attempt that fails so often, and returns how long it was given."""
    left = [times]

    def attempt(given):
        if time:
            time.now += seconds
        if left[0] == 0:
            return given
        left[0] -= 1
        raise error

    return attempt


PASSING = ServingError("here: cannot be reached.", passing=True)


@pytest.fixture
def time():
    return Time()


def test_pauses_double_up_to_the_longest(time):
    retries = Retries(6, first_pause=1, longest_pause=10, clock=time, draw=lambda: 1.0)
    assert retries.run(failing(6, PASSING), 100, time.pause) == 100 - 1 - 2 - 4 - 8 - 10 - 10
    assert time.pauses == [1, 2, 4, 8, 10, 10]


def test_pauses_are_drawn_between_half_and_all(time):
    draws = iter([0.0, 0.5])
    retries = Retries(2, first_pause=1, clock=time, draw=lambda: next(draws))
    retries.run(failing(2, PASSING), 100, time.pause)
    assert time.pauses == [0.5, 1.5]


def test_the_last_error_says_how_often(time):
    retries = Retries(2, clock=time)
    with pytest.raises(ServingError, match="^here: cannot be reached; tried 3 times.$"):
        retries.run(failing(3, PASSING), 100, time.pause)
    with pytest.raises(ServingError, match="^here: cannot be reached.$"):
        Retries(0, clock=time).run(failing(1, PASSING), 100, time.pause)


def test_what_does_not_pass_is_not_tried_again(time):
    with pytest.raises(ServingError, match="^no$"):
        Retries(3, clock=time).run(failing(1, ServingError("no")), 100, time.pause)
    with pytest.raises(KeyError):
        Retries(3, clock=time).run(failing(1, KeyError()), 100, time.pause)
    assert time.pauses == []


def test_the_deadline_holds_for_everything_together(time):
    retries = Retries(99, first_pause=1, longest_pause=1, clock=time, draw=lambda: 1.0)
    with pytest.raises(ServingError, match="tried 4 times"):
        retries.run(failing(99, PASSING, 2, time), 10, time.pause)
    assert time.now - 100 <= 11
    assert len(time.pauses) == 3


def test_a_pause_that_is_ended_ends_it_all(time):
    with pytest.raises(ServingError, match="^here: cannot be reached.$"):
        Retries(3, clock=time).run(failing(1, PASSING), 100, lambda seconds: True)


def test_an_error_of_input():
    assert issubclass(ServingError, InputError)


def test_words_of_a_server_in_a_line():
    assert in_a_line("one\n\ttwo.") == "one two"
    assert in_a_line("") == in_a_line(None) == "no reason given"
    assert len(in_a_line("x" * 9000)) == 300
