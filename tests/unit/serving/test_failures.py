import pytest

from keras_attention.errors import InputError
from keras_attention.serving.failures import Retries, ServingError, in_a_line


class Time:
    """A clock that advances only during pauses."""

    def __init__(self):
        self.now, self.pauses = 100.0, []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds
        self.pauses.append(seconds)


def failing(times, error, seconds=0.0, time=None):
    """Return an attempt that fails `times` times and then returns its time limit in seconds."""
    left = [times]

    def attempt(given):
        if time:
            time.now += seconds
        if left[0] == 0:
            return given
        left[0] -= 1
        raise error

    return attempt


TEMPORARY = ServingError("here: cannot be reached.", temporary=True)


@pytest.fixture
def time():
    return Time()


def test_pauses_double_up_to_a_maximum(time):
    retries = Retries(6, first_pause=1, longest_pause=10, clock=time, draw=lambda: 1.0)
    assert retries.run(failing(6, TEMPORARY), 100, time.pause) == 100 - 1 - 2 - 4 - 8 - 10 - 10
    assert time.pauses == [1, 2, 4, 8, 10, 10]


def test_a_random_draw_shortens_a_pause_by_at_most_half(time):
    draws = iter([0.0, 0.5])
    retries = Retries(2, first_pause=1, clock=time, draw=lambda: next(draws))
    retries.run(failing(2, TEMPORARY), 100, time.pause)
    assert time.pauses == [0.5, 1.5]


def test_the_last_error_contains_the_number_of_attempts(time):
    retries = Retries(2, clock=time)
    with pytest.raises(ServingError, match="^here: cannot be reached; tried 3 times.$"):
        retries.run(failing(3, TEMPORARY), 100, time.pause)
    with pytest.raises(ServingError, match="^here: cannot be reached.$"):
        Retries(0, clock=time).run(failing(1, TEMPORARY), 100, time.pause)


def test_permanent_failures_are_not_retried(time):
    with pytest.raises(ServingError, match="^no$"):
        Retries(3, clock=time).run(failing(1, ServingError("no")), 100, time.pause)
    with pytest.raises(KeyError):
        Retries(3, clock=time).run(failing(1, KeyError()), 100, time.pause)
    assert time.pauses == []


def test_the_deadline_includes_all_attempts_and_pauses(time):
    retries = Retries(99, first_pause=1, longest_pause=1, clock=time, draw=lambda: 1.0)
    with pytest.raises(ServingError, match="tried 4 times"):
        retries.run(failing(99, TEMPORARY, 2, time), 10, time.pause)
    assert time.now - 100 <= 11
    assert len(time.pauses) == 3


def test_an_interrupted_pause_ends_the_retries(time):
    with pytest.raises(ServingError, match="^here: cannot be reached.$"):
        Retries(3, clock=time).run(failing(1, TEMPORARY), 100, lambda seconds: True)


def test_a_serving_error_is_an_input_error():
    assert issubclass(ServingError, InputError)


def test_a_servers_message_is_put_on_one_line():
    assert in_a_line("one\n\ttwo.") == "one two"
    assert in_a_line("") == in_a_line(None) == "no reason given"
    assert len(in_a_line("x" * 9000)) == 300
