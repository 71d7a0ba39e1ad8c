import re

import numpy as np
import pytest

from keras_attention.errors import InputError
from keras_attention.translation import signature_answers as served


def read_answer(texts, outputs):
    return list(served.read_answer(texts, outputs))


def strings(*rows):
    return np.array([[word.encode() for word in row] for row in rows], object)


@pytest.fixture
def outputs():
    return {
        "text": np.array(["가b".encode(), b""], object),
        "score": np.array([-0.5, 0.0], "float32"),
        "tokens": strings(["가", "b", "</s>"], ["</s>", "", ""]),
        "alignment": np.arange(12, dtype="float32").reshape(2, 3, 2),
        "source_tokens": strings(["a", "</s>"], ["</s>", ""]),
        "error": np.array([b"", b""], object),
    }


def test_padding_is_removed(outputs):
    first, second = read_answer(["a", ""], outputs)
    assert (first.source, first.source_tokens) == ("a", ("a", "</s>"))
    assert (first.text, first.score, first.tokens) == ("가b", -0.5, ("가", "b", "</s>"))
    np.testing.assert_array_equal(first.alignment, [[0, 1], [2, 3], [4, 5]], strict=False)
    assert (second.text, second.score, second.tokens) == ("", 0.0, ("</s>",))
    np.testing.assert_array_equal(second.alignment, [[6]])
    assert first.alignment.dtype == np.float32


def test_alignments_that_the_answer_lacks_are_zero(outputs):
    del outputs["alignment"]
    np.testing.assert_array_equal(read_answer(["a", ""], outputs)[0].alignment, np.zeros((3, 2)))


def test_a_source_can_have_several_hypotheses(outputs):
    beams = {
        name: np.stack([array, array[::-1]], axis=1)
        if name not in ("source_tokens", "error")
        else array
        for name, array in outputs.items()
    }
    first, second = read_answer(["a", ""], beams)
    assert [hypothesis.text for hypothesis in first.hypotheses] == ["가b", ""]
    assert [hypothesis.text for hypothesis in second.hypotheses] == ["", "가b"]
    assert second.hypotheses[1].alignment.shape == (3, 1)


@pytest.mark.parametrize("score", [np.nan, -np.inf, np.inf])
def test_a_text_with_a_nan_score_has_an_empty_translation(outputs, score):
    outputs["score"][0] = score
    first, second = read_answer(["a", ""], outputs)
    assert (first.text, first.score, first.hypotheses) == ("", -np.inf, ())
    assert second.score == 0


def test_a_wrong_number_of_rows_is_an_error(outputs):
    with pytest.raises(ValueError):
        read_answer(["a"], outputs)


def test_a_rejected_text_is_reported_after_the_answers_before_it(outputs):
    outputs["error"][1] = b"expected less."
    answers = served.read_answer(["a", "b"], outputs)
    assert next(answers).text == "가b"
    with pytest.raises(InputError, match=r"^text 2: expected less\.$"):
        next(answers)


def test_parts_of_an_output_are_requested_until_the_state_is_empty():
    parts = {b"": (["a", "b"], b"1"), b"1": (["c"], b"2"), b"2": ([], b"")}
    asked = []
    tokens = served.stream_parts(lambda state: asked.append(state) or parts[state])
    assert asked == [b""]  # so that an error about the text is raised at once
    assert list(tokens) == ["a", "b", "c"] and asked == [*parts]


def test_text_that_is_not_valid_unicode_is_rejected():
    assert served.encode_texts(["가", ""]).tolist() == ["가".encode(), b""]
    with pytest.raises(InputError, match="^text 2: expected valid Unicode text"):
        served.encode_texts(["a", "\ud800"])
    with pytest.raises(
        InputError, match="^text 2: expected a string. Received: nan, of type float"
    ):
        served.encode_texts(["a", float("nan")])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("beam_width", 2.5, "an integer of at least 1 and at most 10000"),
        ("beam_width", True, "an integer of at least 1 and at most 10000"),
        ("nbest", 0, "an integer of at least 1"),
        ("nbest", "3", "an integer of at least 1"),
        ("length_penalty", float("nan"), "a finite number of at least 0 and at most 8"),
        ("length_penalty", float("inf"), "a finite number of at least 0 and at most 8"),
        ("length_penalty", -1, "a finite number of at least 0 and at most 8"),
    ],
)
def test_invalid_options_are_rejected(name, value, expected):
    message = f"`{name}` must be {expected}. Received: {name}={value!r}."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        served.check_search(**{"beam_width": 4, "length_penalty": None, "nbest": 1, name: value})


def test_options_may_be_numpy_numbers():
    served.check_search(beam_width=np.int64(4), length_penalty=np.float32(0.5), nbest=np.int8(2))


def test_filler_hypotheses_are_left_out(outputs):
    outputs["score"][0] = -1e9
    assert read_answer(["a", ""], outputs)[0].hypotheses == ()
