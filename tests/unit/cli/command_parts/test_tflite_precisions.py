import pytest

from keras_attention.cli import exports
from keras_attention.cli.command_parts import tflite_precisions
from keras_attention.cli.command_parts.tflite_precisions import export_measured, print_variants
from keras_attention.export.tflite.quality_gate import Gate, MeasuredPrecision, Quality

WARNING = (
    "warning: the Keras model reaches exact_match 0.00, so this comparison cannot show a loss; "
    "train a better model before you choose a precision.\n"
)


@pytest.mark.parametrize(
    ("metric", "value", "higher_is_better", "can_show_loss"),
    [
        ("exact_match", 0.0, True, False),
        ("exact_match", 0.3, True, False),
        ("exact_match", 40.0, True, True),
        ("wer", 100.0, False, False),
        ("wer", 130.0, False, False),
        ("wer", 99.0, False, True),
    ],
)
def test_a_comparison_with_a_useless_model_cannot_show_a_loss(
    metric, value, higher_is_better, can_show_loss
):
    quality = Quality(metric, lambda *_: value, higher_is_better)
    assert quality.can_show_loss(value) is can_show_loss


@pytest.mark.parametrize("can_show_loss", [True, False])
def test_a_comparison_with_a_useless_model_is_followed_by_a_warning(can_show_loss, capsys):
    row = MeasuredPrecision("float32", 1_000_000, 1.0, 2.5, 1.0, 1.0, 0.0, 0.0)
    print_variants(Gate("exact_match", 20, 0.0, (row,), can_show_loss))
    out, err = capsys.readouterr()
    assert "exact_match" in out and "passes" in out
    assert err == ("" if can_show_loss else WARNING)


class Stop(Exception):
    pass


def test_measured_files_and_files_in_float32_get_the_batch_size(monkeypatch, tmp_path):
    sizes = []

    def convert(translator, about, *, batch_size):
        sizes.append(batch_size)
        raise Stop

    monkeypatch.setattr(tflite_precisions, "held_out_pairs", lambda folder, advice: ([], set()))
    monkeypatch.setattr(tflite_precisions, "_quality", lambda folder: None)
    monkeypatch.setattr(tflite_precisions.Converted, "of", convert)
    monkeypatch.setattr(exports, "export_saved_model", lambda *_, **given: tmp_path / "1")
    with pytest.raises(Stop):
        export_measured(None, tmp_path, "int8", 5, batch_size=3)
    with pytest.raises(Stop):
        exports.export_all(None, tmp_path, batch_size=4)
    assert sizes == [3, 4]
