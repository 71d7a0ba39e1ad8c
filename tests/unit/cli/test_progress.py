"""Progress bars are drawn on terminals only, and show the time left after the first items."""

import io
import re
import time

import pytest
from rich.console import Console

from keras_attention.cli.progress import count_each, show_progress


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


@pytest.mark.parametrize(("total", "shown"), [(4, "4/4"), (None, "4/?")])
def test_finished_items_are_counted(total, shown, terminal):
    with show_progress(total, unit="lines", console=terminal) as advance:
        advance(1)
        advance(3)
    assert shown in terminal.file.getvalue() and "lines" in terminal.file.getvalue()


def test_the_time_left_is_shown_after_the_first_items(terminal):
    with show_progress(4_000, unit="lines", console=terminal) as advance:
        time.sleep(0.01)
        advance(1)
    assert re.search(r"1/4000.*lines/s.*0:0\d:\d\d", terminal.file.getvalue())


def test_the_speed_is_the_mean_even_if_items_finish_in_bursts(terminal):
    with show_progress(4_000, unit="lines", console=terminal) as advance:
        time.sleep(0.1)
        for _ in range(2_000):
            advance(1)
    (rate,) = re.findall(r"2000/4000.* ([\d,]+\.\d) lines/s", terminal.file.getvalue())[-1:]
    assert float(rate.replace(",", "")) < 20_001


def test_items_of_an_earlier_command_do_not_change_the_speed(terminal):
    with show_progress(4_000, unit="lines", done=3_000, console=terminal) as advance:
        time.sleep(0.1)
        advance(1)
    (rate,) = re.findall(r"3001/4000.* ([\d,]+\.\d) lines/s", terminal.file.getvalue())[-1:]
    assert float(rate) < 11


def test_a_single_item_has_no_bar(terminal):
    with show_progress(1, unit="lines", console=terminal) as advance:
        advance(1)
    assert terminal.file.getvalue() == ""


@pytest.mark.parametrize(
    ("stderr", "stdout", "prints", "shown"),
    [
        (True, True, False, True),
        (True, False, True, True),
        (True, True, True, False),
        (False, True, False, False),
    ],
)
def test_a_bar_is_shown_only_on_a_terminal_without_other_output(
    stderr, stdout, prints, shown, capsys, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich treat every stream as a terminal
    monkeypatch.setattr("sys.stderr.isatty", lambda: stderr, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: stdout, raising=False)
    with show_progress(2, unit="lines", prints=prints) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert ("2/2" in captured.err + captured.out) == shown


def test_items_are_counted_when_they_are_finished():
    counts = []
    items = count_each("ab", counts.append)
    assert next(items) == "a" and counts == []
    assert list(items) == ["b"] and counts == [1, 1]
