import pytest

from keras_attention.training.evaluation.by_frequency import count_tokens, rows_by_frequency
from keras_attention.training.evaluation.evaluate import Evaluation


def test_tokens_are_counted_in_all_texts():
    assert count_tokens(["a b a", "b", ""], str.split) == {"a": 2, "b": 2}


def test_pairs_are_grouped_by_the_rarest_token_of_their_source():
    frequencies = {"the": 20_000, "a": 10_000, "cat": 1000, "dog": 999, "yak": 1}
    sources = ["the", "a the", "the cat", "dog a", "yak the", "new the", "yak", "", "new yak"]
    outcomes = tuple((source, "x", "x" if source != "yak" else "y") for source in sources)
    rows = rows_by_frequency(Evaluation(outcomes), frequencies, str.split, ["exact_match", "wer"])
    assert [(row.label, row.count, row.examples) for row in rows] == [
        ("0", 2, ("new",)),
        ("1–9", 2, ("yak",)),
        ("100–999", 1, ("dog",)),
        ("1,000–9,999", 1, ("cat",)),
        ("10,000 or more", 2, ("the", "a")),
    ]
    assert rows[1].values == {"exact_match": 0.5, "wer": pytest.approx(50.0)}
