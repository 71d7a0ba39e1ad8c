"""Long calls from Python show a bar after a delay, by default only in interactive sessions."""

import io
import sys
from functools import partial

import pytest
from rich.console import Console
from support import random_translator

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.progress import is_interactive, report_progress
from keras_attention.translation import translator as module

TEXTS = ["abc", "", "a", "cab", "bb"]


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


@pytest.fixture(scope="module")
def translator():
    return random_translator(CharacterTokenizer(Vocabulary("abc")))


def test_a_call_that_takes_long_shows_its_progress(terminal):
    with report_progress(4, unit="texts", delay=0, console=terminal) as advance:
        advance(1)
        advance(3)
    assert "4/4" in terminal.file.getvalue() and "texts/s" in terminal.file.getvalue()


def test_a_short_call_shows_nothing(terminal):
    with report_progress(4, unit="texts", console=terminal) as advance:
        advance(4)
    assert terminal.file.getvalue() == ""


def test_an_error_ends_the_bar(terminal):
    with (
        pytest.raises(KeyError),
        report_progress(4, unit="texts", delay=0, console=terminal) as advance,
    ):
        advance(1)
        raise KeyError
    assert terminal.file.getvalue().endswith("\x1b[?25h")  # this code shows the cursor again


def test_a_stream_counts_every_text(translator):
    counts = []
    assert len(list(translator.stream(TEXTS, batch_size=2, advance=counts.append))) == len(TEXTS)
    assert sum(counts) == len(TEXTS) and max(counts) <= 2


@pytest.mark.parametrize(
    ("progress", "interactive", "shown"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_a_translator_shows_its_progress_if_asked_or_interactive(
    progress, interactive, shown, translator, terminal, monkeypatch
):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    if not interactive:
        monkeypatch.delattr(sys, "ps1")
    assert is_interactive() is interactive
    late = partial(report_progress, delay=0, console=terminal)
    monkeypatch.setattr(module, "report_progress", late)
    translations = translator(TEXTS, progress=progress)
    assert [each.source for each in translations] == TEXTS
    assert ("5/5" in terminal.file.getvalue()) is shown


def test_a_notebook_gets_text_without_widgets(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    with report_progress(2, unit="texts", delay=0) as advance:
        advance(2)
    assert "2/2" in capfd.readouterr().err
