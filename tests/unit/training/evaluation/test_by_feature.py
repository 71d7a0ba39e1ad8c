from pytest import approx

from keras_attention.training.evaluation.by_feature import MOST_VALUES, group_by_features
from keras_attention.training.evaluation.evaluate import Evaluation

OUTCOMES = (
    ("<to=de><of=x> a", "k a t", "k a t"),
    ("<to=fr><of=x> a", "d o g", "k a t"),
    ("<of=x><to=fr> b", "d o g", "d o g"),
    ("<to=fr><of=x> c", "d o g", "d o"),
)


def test_each_value_of_a_feature_is_scored_alone():
    evaluation = Evaluation(OUTCOMES)
    (to,) = group_by_features(evaluation.sources)  # `of` has a single value, so it forms no groups
    assert (to.name, to.positions) == ("to", {"de": [0], "fr": [1, 2, 3]})
    # SIGMORPHON 2020, task 1, reports the mean over languages.
    expected = {"de": 0, "fr": 200 / 3, "(mean)": 100 / 3}
    assert to.scores(evaluation, "g2p_wer") == approx(expected)


def test_sources_without_common_features_form_no_groups():
    assert list(group_by_features(["a", "<to=de> a", "<to=fr> a"])) == []
    assert list(group_by_features([])) == []
    many = [f"<speaker={number}> a" for number in range(MOST_VALUES + 1)]
    assert list(group_by_features(many)) == []
    assert len(list(group_by_features(many[1:]))) == 1
