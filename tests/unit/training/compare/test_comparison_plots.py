import pytest

from keras_attention.training.compare.comparison import Result
from keras_attention.training.compare.comparison_plots import (
    plot_alignment_error,
    plot_comparison,
    plot_learning_curves,
    plot_lengths,
    plot_metric,
)
from keras_attention.training.compare.comparison_table import Row


def result(value, curve, *, aer=None, at_20=None, metric="exact_match"):
    lengths = {"20": {"pairs": 9, "value": at_20, "errors": 2 * at_20}} if at_20 is not None else {}
    alignment = {} if aer is None else {"aer": aer, "precision": 1.0, "recall": 1.0}
    return Result("", metric, value, curve, 10, 1.0, 10.0, alignment=alignment, lengths=lengths)


ROWS = [
    Row("luong $x$", 2, (
        result(0.5, (0.25, 0.5), aer=0.1, at_20=0.25),
        result(1.0, (0.75, 1.0, 0.5), aer=0.3, at_20=0.75),
    )),
    Row("fixed vector", 2, (result(0.125, (0.0, 0.125), at_20=0.0),)),
    Row("not yet", 2, ()),
]  # fmt: skip


def lines(figure):
    axes = figure.axes[0]
    return {line.get_label(): tuple(map(list, line.get_data())) for line in axes.lines}


def test_the_metric_has_a_bar_per_variant_and_a_point_per_seed():
    (axes,) = plot_metric(ROWS[:2]).axes
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.125]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.5, 1.0], [0.125]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["luong $x$", "fixed vector"]
    assert axes.get_xlim() == (0, 1)
    assert axes.get_xlabel() == "exact match, mean and seeds"


def test_a_learning_curve_is_the_mean_of_the_seeds_that_reached_each_validation():
    figure = plot_learning_curves(ROWS)
    assert lines(figure) == {
        "luong $x$": ([1, 2, 3], [0.5, 0.75, 0.5]),
        "fixed vector": ([1, 2], [0, 0.125]),
    }


def test_the_metric_is_plotted_against_known_alignment_errors():
    figure = plot_alignment_error(ROWS)
    assert lines(figure) == {"luong $x$": ([0.1, 0.3], [0.5, 1.0])}
    assert figure.axes[0].get_xlabel() == "alignment error"
    assert plot_alignment_error(ROWS[1:]) is None


def test_the_metric_is_plotted_at_measured_lengths():
    figure = plot_lengths(ROWS, ["10", "20"])
    assert lines(figure) == {"luong $x$": ([1], [0.5]), "fixed vector": ([1], [0])}
    errors = [list(line.get_ydata()) for line in figure.axes[1].lines]
    assert errors == [[1.0], [0.0]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(lines(figure))
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["10", "20"]
    assert plot_lengths(ROWS, ["10"]) is None
    assert plot_lengths(ROWS, []) is None


def test_the_axis_of_a_metric_that_is_not_a_fraction_starts_at_zero():
    row = Row("a", 1, (result(31.0, (20.0, 31.0), metric="bleu"),))
    (axes,) = plot_learning_curves([row]).axes
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 31
    assert plot_metric([row]).axes[0].get_xlabel() == "bleu"


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (ROWS, ["metric.png", "curves.png", "alignment.png", "lengths.png"]),
        (ROWS[1:], ["metric.png", "curves.png", "lengths.png"]),
        (ROWS[2:], []),
    ],
)
def test_only_plots_with_values_are_written(rows, names, tmp_path):
    paths = plot_comparison(rows, tmp_path, ["20"])
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
