import numpy as np
import pytest

from keras_attention.errors import InputError
from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.evaluation.length_report import (
    FEWEST_PAIRS,
    WIDE_BUCKETS,
    LengthRow,
    plot_by_length,
    rows_by_length,
)


def made(lengths, is_right=lambda n: True):
    """Return an evaluation whose sources have these numbers of tokens."""
    outcomes = [
        ("s " * length + str(n), "t", "t" if is_right(length) else "u")
        for n, length in enumerate(lengths)
    ]
    return Evaluation(tuple(outcomes), tuple(lengths))


@pytest.mark.parametrize("seed", range(6))
def test_every_pair_is_in_one_bucket_of_sufficient_size(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.poisson(rng.integers(1, 40), rng.integers(20, 400)).tolist()
    rows = rows_by_length({"model": made(lengths)}, "exact_match")
    assert sum(row.count for row in rows) == len(lengths)
    assert (rows[0].first, rows[-1].last) == (min(1, *lengths), max(lengths))
    assert all(a.last + 1 == b.first for a, b in zip(rows, rows[1:], strict=False))
    assert all(row.count >= FEWEST_PAIRS for row in rows)
    assert all(row.count == sum(row.first <= n <= row.last for n in lengths) for row in rows)
    assert len(rows) <= WIDE_BUCKETS + 1


def test_a_few_very_long_sources_do_not_widen_the_other_buckets():
    lengths = [*range(1, 21)] * 20 + [900] * 12
    rows = rows_by_length({"model": made(lengths)}, "exact_match")
    assert [row.label for row in rows] == ["1–5", "6–10", "11–15", "16–20", "21–900"]


def test_few_pairs_form_a_single_bucket():
    rows = rows_by_length({"model": made([4, 9, 2])}, "exact_match")
    assert [(row.label, row.count) for row in rows] == [("1–9", 3)]


def test_each_bucket_and_model_has_a_value():
    lengths = [*range(1, 31)] * 4
    models = {"short": made(lengths, lambda n: n <= 10), "all": made(lengths)}
    rows = rows_by_length(models, "exact_match")
    assert [row.values["all"] for row in rows] == [1] * 6
    assert [row.values["short"] for row in rows] == [1, 1, 0, 0, 0, 0]
    wrong = rows_by_length(models, "g2p_wer", lowercase=True)
    assert [row.values["short"] for row in wrong] == [0, 0, 100, 100, 100, 100]


def test_invalid_evaluations_are_rejected():
    evaluation = made([1, 2, 3])
    with pytest.raises(ValueError, match="Received: none"):
        rows_by_length({}, "bleu")
    with pytest.raises(ValueError, match="Received: none"):
        rows_by_length({"model": Evaluation(evaluation.outcomes)}, "bleu")
    with pytest.raises(ValueError, match="same pairs"):
        rows_by_length({"one": evaluation, "other": made([1, 2])}, "bleu")
    with pytest.raises(InputError, match="one of the metrics"):
        rows_by_length({"model": evaluation}, "accuracy")


ROWS = [
    LengthRow(1, 5, 40, {"attention": 30.0, "fixed $vector$": 29.0}),
    LengthRow(6, 6, 12, {"attention": 28.0, "fixed $vector$": 11.0}),
]


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_metric_by_length_is_plotted(suffix, start, tmp_path):
    path = tmp_path / "new folder" / f"length.{suffix}"
    figure = plot_by_length(ROWS, path, ylabel="BLEU", title="Multi30k")
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines] == ["attention", "fixed $vector$"]
    assert [list(line.get_ydata()) for line in axes.lines] == [[30, 28], [29, 11]]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["1–5\n40 pairs", "6\n12 pairs"]
    assert axes.get_ylim()[0] == 0
    assert (axes.get_ylabel(), axes.get_title()) == ("BLEU", "Multi30k")
    assert path.read_bytes().startswith(start)


def test_a_plot_requires_rows_and_a_known_format():
    with pytest.raises(ValueError, match="at least"):
        plot_by_length([], ylabel="BLEU")
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf"):
        plot_by_length(ROWS, "length.gif", ylabel="BLEU")
