import logging

from keras_attention.cli.output import (
    log_to_console,
    print_agreements,
    print_evaluation,
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
