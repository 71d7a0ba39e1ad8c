import logging
import re
import sys

import pytest

from keras_attention.cli.output import (
    log_to_console,
    print_agreements,
    print_evaluation,
    print_table,
)
from keras_attention.export.verify import Agreement
from keras_attention.training.evaluation.evaluate import Evaluation


def test_an_evaluation_is_printed_with_shares_and_wrong_outputs(capsys):
    outcomes = ("a", "x", "x"), ("b", "[red]", "y"), ("c", "z", "w")
    print_evaluation(Evaluation(outcomes), {"a"}, 1)
    assert capsys.readouterr().out.splitlines() == [
        "exact match  33.33%  of 3 pairs",
        "             0.00%  of the 2 pairs whose source is not in the training pairs",
        "wrong        'b' gave 'y', expected '[red]'",
    ]
    print_evaluation(Evaluation(outcomes), {"other"}, 0)
    assert capsys.readouterr().out == "exact match  33.33%  of 3 pairs\n"


def test_no_second_share_is_printed_if_all_sources_are_in_the_training_pairs(capsys):
    print_evaluation(Evaluation((("a", "x", "x"),)), {"a"}, 0)
    assert capsys.readouterr().out.splitlines() == [
        "exact match  100.00%  of 1 pairs",
        "             the training pairs contain the source of each of these pairs",
    ]


def test_agreements_are_printed_as_a_table(capsys):
    good = Agreement("1", 20, 1.0, 2e-6)
    assert print_agreements([good]) is True
    table = capsys.readouterr().out
    assert "100.00%" in table and "2.0e-06" in table and "agrees" in table
    assert print_agreements([good, Agreement("dates.tflite", 20, 0.95, 0.5)]) is False
    table = capsys.readouterr().out
    assert "95.00%" in table and "DIFFERS" in table


LONG = "multi30k-en-de-transformer-seed1"
HEADS = ("variant", "exact_match", "alignment error", "target tokens/s", "parameters", "minutes")


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_text_of_a_table_is_cut(width, terminal, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    row = (LONG, "62.50% (50.00–75.00)", "12.5%", "12,345", "1,234,567", "[red]1.5")
    print_table([HEADS, row, row], justify="right")
    lines = re.sub("\x1b\\[[0-9]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= (width if terminal else 160)
    for number, texts in enumerate(zip(HEADS, row, row, strict=True)):
        cells = [re.split("[│┃]", line)[number + 1].strip() for line in lines if line[0] in "│┃"]
        assert "".join(cells).replace(" ", "") == "".join(texts).replace(" ", "")


def test_no_word_of_a_table_is_divided_at_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table([HEADS, ("luong", "99.10%", "1.5%", "9,876", "120,000", "1.5")], justify="right")
    out = capsys.readouterr().out
    assert all(word in out for head in HEADS for word in head.split())


def test_log_lines_are_plain_sentences_on_standard_error(capsys):
    logger = logging.getLogger("keras_attention")
    before = logger.handlers, logger.level
    try:
        log_to_console()
        log_to_console()
        logging.getLogger("keras_attention.training").info("dropped 1 of %d pairs", 2)
        assert capsys.readouterr() == ("", "dropped 1 of 2 pairs\n")
    finally:
        logger.handlers, logger.level = before
