import os

import pytest

from keras_attention.errors import InputError
from keras_attention.training.callbacks.stopwatch import TIMES_FILE, Stopwatch, read_times


class Clock:
    """A clock that tests set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def train(watch, clock, epoch, seconds):
    """Time an epoch; its steps take the given seconds, and five more seconds follow."""
    watch.on_epoch_begin(epoch)
    for step, duration in enumerate(seconds):
        clock.now += duration
        watch.on_train_batch_end(step)
    clock.now += 5
    watch.on_epoch_end(epoch)


def test_the_first_ten_steps_and_the_validation_are_excluded_from_the_speed(tmp_path):
    clock = Clock()
    watch = Stopwatch(tmp_path, tokens_per_step=60.0, steps=30, clock=clock)
    train(watch, clock, 0, [9.0] * 10 + [2.0] * 20)
    times = read_times(tmp_path)
    assert times.tokens_per_second == pytest.approx(30)
    assert times.minutes == pytest.approx((90 + 40 + 5) / 60)


def test_at_most_half_of_the_steps_are_excluded_from_the_speed(tmp_path):
    clock = Clock()
    watch = Stopwatch(tmp_path, tokens_per_step=8.0, steps=3, clock=clock)
    train(watch, clock, 0, [7.0, 2.0, 2.0])
    assert read_times(tmp_path).tokens_per_second == pytest.approx(4)


def test_the_speed_is_a_median_and_the_minutes_are_a_sum(tmp_path):
    clock = Clock()
    watch = Stopwatch(tmp_path, tokens_per_step=10.0, steps=2, clock=clock)
    for epoch, seconds in enumerate([1.0, 2.0, 10.0]):
        train(watch, clock, epoch, [seconds] * 2)
    times = read_times(tmp_path)
    assert times.tokens_per_second == pytest.approx(5)
    assert times.minutes == pytest.approx((2 + 4 + 20 + 15) / 60, abs=1e-4)


def test_an_interval_that_a_resumed_run_trains_again_counts_once(tmp_path):
    for seconds in (100.0, 3.0):
        clock = Clock()
        watch = Stopwatch(tmp_path, tokens_per_step=6.0, steps=2, clock=clock)
        train(watch, clock, 4, [seconds] * 2)
    times = read_times(tmp_path)
    assert (times.minutes, times.tokens_per_second) == (pytest.approx(11 / 60), 2)


def test_missing_times_are_none_and_damaged_times_are_an_error(tmp_path):
    assert read_times(tmp_path) is None
    (tmp_path / TIMES_FILE).write_text("epoch,seconds,tokens_per_second\n")
    assert read_times(tmp_path) is None
    (tmp_path / TIMES_FILE).write_text("epoch,seconds,tokens_per_second\n0,2.5\n")
    assert read_times(tmp_path) is None  # the run was killed while it wrote the line
    for content, words in [
        (b"epoch,seconds,tokens_per_second\n0,2.5\n1,2.5,3\n", "a CSV table of numbers"),
        (b"epoch,seconds,tokens_per_second\n0,2.5,x\n", "a CSV table of numbers"),
        (b"epoch,seconds,tokens_per_second\n0,2.5,\xff\n", "a CSV table of numbers"),
        (b"epoch,seconds\n0,2.5\n", "the columns epoch, seconds, tokens_per_second"),
    ]:
        (tmp_path / TIMES_FILE).write_bytes(content)
        with pytest.raises(InputError, match=rf"times.csv: damaged, expected {words}"):
            read_times(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
@pytest.mark.parametrize(
    "damage", [getattr(os, "mkfifo", None), os.mkdir, lambda path: path.write_text("a\nb\n")]
)
def test_a_damaged_file_is_reported_before_the_first_step(damage, tmp_path):
    damage(tmp_path / TIMES_FILE)
    with pytest.raises(InputError, match=TIMES_FILE):
        Stopwatch(tmp_path, tokens_per_step=60.0, steps=30)
