import numpy as np
import pytest

from keras_attention.errors import InputError
from keras_attention.export.verify import SCORE_TOLERANCE, find_exports, measure_agreement, verify
from keras_attention.translation.result import Hypothesis, Translation


def translate(text, score=-1.0):
    weights = np.full((1, 2), 0.5, "float32")
    return Translation("source", ("s", "</s>"), (Hypothesis(text, score, (text,), weights),))


def test_equal_translations_agree():
    agreement = measure_agreement(
        "1", [translate("a"), translate("b")], [translate("a"), translate("b")]
    )
    assert (agreement.runtime, agreement.lines) == ("1", 2)
    assert agreement.exact_match == 1
    assert agreement.score_difference == 0
    assert agreement.agrees


def test_a_different_text_is_a_disagreement():
    agreement = measure_agreement(
        "1", [translate("a"), translate("b")], [translate("a"), translate("c")]
    )
    assert agreement.exact_match == 0.5
    assert not agreement.agrees


def test_scores_may_differ_only_by_rounding():
    for difference, agrees in ((0.5 * SCORE_TOLERANCE, True), (2 * SCORE_TOLERANCE, False)):
        agreement = measure_agreement(
            "1", [translate("a", -1.0)], [translate("a", -1.0 - difference)]
        )
        assert agreement.score_difference == pytest.approx(difference)
        assert agreement.agrees is agrees


@pytest.mark.parametrize(("equal", "agrees"), [(8, True), (3, False)])
def test_most_texts_of_an_export_in_lower_precision_must_be_equal(equal, agrees):
    expected = [translate("a")] * 10
    actual = [translate("a", -1.5)] * equal + [translate("b")] * (10 - equal)
    assert measure_agreement("a.tflite", expected, actual, "int8").agrees is agrees


def make_exports(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")


def test_find_exports_returns_the_newest_version_and_every_tflite_file(tmp_path):
    names = ["2/saved_model.pb", "10/saved_model.pb", "old/saved_model.pb", "b.tflite", "a.tflite"]
    make_exports(tmp_path, *names, "11/other.pb", "model.keras")
    found = [path.name for path in find_exports(tmp_path)]
    assert found == ["10", "a.tflite", "b.tflite"]


def test_a_folder_without_exports_is_refused(tmp_path):
    make_exports(tmp_path, "model.keras")
    with pytest.raises(
        InputError, match="contains no export; write one with keras-attention export"
    ):
        find_exports(tmp_path)


def test_verify_refuses_an_empty_list_of_lines(tmp_path):
    with pytest.raises(InputError, match="at least one line to compare on"):
        verify(None, tmp_path, [])
