import pytest

from keras_attention.cli.command_parts.tflite_precisions import print_variants
from keras_attention.export.tflite.quality_gate import Gate, MeasuredPrecision, Quality

WARNING = (
    "warning: the Keras model reaches exact_match 0.00, so this comparison cannot show a loss; "
    "train a better model before you choose a precision.\n"
)


@pytest.mark.parametrize(
    ("metric", "value", "higher_is_better", "tells"),
    [
        ("exact_match", 0.0, True, False),
        ("exact_match", 0.3, True, False),
        ("exact_match", 40.0, True, True),
        ("wer", 100.0, False, False),
        ("wer", 130.0, False, False),
        ("wer", 99.0, False, True),
    ],
)
def test_a_comparison_with_a_useless_model_tells_nothing(metric, value, higher_is_better, tells):
    quality = Quality(metric, lambda *_: value, higher_is_better)
    assert quality.tells(value) is tells


@pytest.mark.parametrize("tells", [True, False])
def test_a_comparison_with_a_useless_model_is_followed_by_a_warning(tells, capsys):
    row = MeasuredPrecision("float32", 1_000_000, 1.0, 2.5, 1.0, 1.0, 0.0, 0.0)
    print_variants(Gate("exact_match", 20, 0.0, (row,), tells))
    out, err = capsys.readouterr()
    assert "exact_match" in out and "passes" in out
    assert err == ("" if tells else WARNING)
