import math

import numpy as np
import pytest

from keras_attention.errors import InputError, TextError
from keras_attention.training.evaluation.evaluate import Evaluation, evaluate
from keras_attention.training.metrics.text_metrics import score
from keras_attention.translation.result import Hypothesis, Translation

PAIRS = [("ccc dd e", "x y z"), ("a", "x"), ("bb b", "x y"), ("a", "y")]


def translate(sources, translated=None):
    """Write an x for every word, and record the order of the texts."""
    found = []
    for source in sources:
        words = (*source.split(), "</s>")
        if translated is not None:
            translated.append(source)
        text = " ".join("x" for _ in words[:-1])
        weights = np.zeros((len(words), len(words)), "float32")
        found.append(Translation(source, words, (Hypothesis(text, -1.0, words, weights),)))
    return found


def test_outcomes_keep_the_order_of_pairs_although_batches_have_similar_lengths():
    asked = []
    evaluation = evaluate(lambda sources: translate(sources, asked), PAIRS)
    outputs = ["x x x", "x", "x x", "x"]
    assert evaluation.outcomes == tuple((*p, o) for p, o in zip(PAIRS, outputs, strict=True))
    assert evaluation.lengths == (3, 1, 2, 1)
    assert [len(source) for source in asked] == sorted(len(source) for source, _ in PAIRS)
    assert (evaluation.sources, evaluation.targets) == (
        [s for s, _ in PAIRS],
        [t for _, t in PAIRS],
    )
    assert evaluation.outputs == outputs


def test_exact_match_and_wrong_outputs_are_reported():
    evaluation = evaluate(translate, PAIRS)
    assert (evaluation.pairs, evaluation.exact_match) == (4, 0.25)
    assert [source for source, _, _ in evaluation.wrong] == ["ccc dd e", "bb b", "a"]
    unseen = evaluation.without({"a"})
    assert (unseen.pairs, unseen.exact_match, unseen.lengths) == (2, 0, (3, 2))
    assert math.isnan(evaluation.without({s for s, _ in PAIRS}).exact_match)


def test_an_evaluation_without_lengths_can_be_split_too():
    evaluation = Evaluation((("a", "b", "b"), ("c", "d", "b")))
    assert evaluation.without({"c"}) == Evaluation((("a", "b", "b"),))


@pytest.mark.parametrize("name", ["exact_match", "bleu", "per"])
def test_an_evaluation_returns_the_score_of_the_metric(name):
    evaluation = evaluate(translate, PAIRS)
    expected = score(name, evaluation.outputs, evaluation.targets, evaluation.sources)
    assert evaluation.score(name) == expected
    assert evaluation.score("bleu", tokenize="char").signature.count("tok:char") == 1


def test_a_word_with_two_accepted_targets_is_one_word():
    assert evaluate(translate, PAIRS).score("g2p_wer").value == pytest.approx(100 * 2 / 3)


def test_references_and_outputs_are_compared_in_the_same_form():
    evaluation = Evaluation((("s", "Dos  Siete ", "dos siete"), ("s", "Dos", "tres")), (1, 1))
    assert evaluation.exact_match == 0
    paired = evaluation.in_form(lambda text: " ".join(text.lower().split()))
    assert paired.outcomes == (("s", "dos siete", "dos siete"), ("s", "dos", "tres"))
    assert (paired.exact_match, paired.lengths) == (0.5, (1, 1))


def test_two_evaluations_of_the_same_pairs_can_be_compared():
    one = evaluate(translate, PAIRS * 20)
    other = Evaluation(tuple((s, t, t) for s, t, _ in one.outcomes))
    assert one.paired_bootstrap(other, "exact_match").p_value < 0.01
    with pytest.raises(ValueError, match="same pairs"):
        one.paired_bootstrap(one.without({"a"}), "exact_match")


def test_an_empty_evaluation_is_rejected():
    with pytest.raises(InputError, match="at least one pair"):
        evaluate(translate, [])


def test_an_error_names_the_position_of_the_source():
    def refuse(texts):
        raise TextError("expected less.", [len(text) for text in texts].index(9))

    pairs = [("a" * 9, "b"), ("a", "b"), ("aa", "b")]
    with pytest.raises(TextError, match=r"^pair 1: expected less\.$"):
        evaluate(refuse, pairs)
