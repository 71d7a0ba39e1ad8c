import logging

import numpy as np
import pytest

from keras_attention.cli.output import (
    describe_recipe,
    format_lines,
    log_to_console,
    note_missing_outputs,
    print_agreements,
    print_evaluation,
)
from keras_attention.export.verify import Agreement
from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe
from keras_attention.translation.result import Hypothesis, Translation


@pytest.fixture
def translation():
    weights = np.array([[0.1, 0.9], [0.8, 0.2], [0.0, 0.0]], "float32")
    best = Hypothesis("xy", -0.123456, ("x", "y", "</s>"), weights)
    second = Hypothesis("z", -2.0, ("z", "</s>"), weights[:2])
    return Translation("a", ("a", "</s>"), (best, second))


@pytest.mark.parametrize(
    ("nbest", "scores", "alignments", "lines"),
    [
        (1, False, False, ["xy"]),
        (1, True, False, ["-0.1235\txy"]),
        (1, False, True, ["xy\t0-1"]),  # x looks at </s>
        (2, False, False, ["7\txy", "7\tz"]),
        (2, True, True, ["7\t-0.1235\txy\t0-1", "7\t-2.0000\tz\t"]),
        (5, False, False, ["7\txy", "7\tz"]),
    ],
)
def test_columns(translation, nbest, scores, alignments, lines):
    links = (lambda _, hypothesis: hypothesis.links()) if alignments else None
    assert list(format_lines(translation, 7, nbest, scores, links)) == lines


@pytest.mark.parametrize(
    ("nbest", "scores", "line"), [(1, False, ""), (1, True, "-inf\t"), (3, True, "7\t-inf\t")]
)
def test_a_line_without_hypotheses_is_a_line_too(nbest, scores, line):
    nothing = Translation("a", ("a", "</s>"), ())
    assert list(format_lines(nothing, 7, nbest, scores)) == [line]
    links = list(format_lines(nothing, 7, nbest, scores, lambda _, found: found.links()))
    assert links == [f"{line}\t"]


def test_lines_without_hypotheses_are_counted(capsys):
    note_missing_outputs(0)
    assert capsys.readouterr().err == ""
    note_missing_outputs(2)
    assert capsys.readouterr().err.startswith(
        "note: lines that are empty because no output had a finite score: 2"
    )


def test_recipe_is_explained_and_still_toml(tmp_path):
    recipe = load_recipe("dates", ["units=16"])
    text = describe_recipe(recipe)
    assert ", or of a Transformer: an integer of at least 1 and at most 16384\nunits = 16\n" in text
    assert all(setting.doc in text for setting in SETTINGS.values())
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "shown.toml") == recipe


def test_evaluation(capsys):
    outcomes = ("a", "x", "x"), ("b", "[red]", "y"), ("c", "z", "w")
    print_evaluation(Evaluation(outcomes), {"a"}, 1)
    assert capsys.readouterr().out.splitlines() == [
        "exact match  33.33%  of 3 pairs",
        "             0.00%  of the 2 whose source does not stand in the training pairs too",
        "wrong        'b' gave 'y', expected '[red]'",
    ]
    print_evaluation(Evaluation(outcomes), {"other"}, 0)
    assert capsys.readouterr().out == "exact match  33.33%  of 3 pairs\n"


def test_sources_that_are_all_in_the_training_pairs_have_no_share_of_their_own(capsys):
    print_evaluation(Evaluation((("a", "x", "x"),)), {"a"}, 0)
    assert capsys.readouterr().out.splitlines() == [
        "exact match  100.00%  of 1 pairs",
        "             the source of each of them is in the training pairs too",
    ]


def test_agreements(capsys):
    good = Agreement("1", 20, 1.0, 2e-6, 0.0)
    assert print_agreements([good]) is True
    table = capsys.readouterr().out
    assert "100.00%" in table and "2.0e-06" in table and "agrees" in table
    assert print_agreements([good, Agreement("dates.tflite", 20, 0.95, 0.5, 0.0)]) is False
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
