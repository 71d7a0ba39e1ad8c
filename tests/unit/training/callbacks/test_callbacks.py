import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import Seq2Seq, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.training.callbacks.intervals import CountSteps, RaiseSampling, SeedDropout
from keras_attention.training.callbacks.samples import (
    ShowSamples,
    as_table,
    draw_alignment,
    short_pairs,
)
from keras_attention.training.callbacks.validate import Validate
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Hypothesis, Translation
from keras_attention.visualization.plotting import plot_alignment

WORDS = WordTokenizer(Vocabulary(["x", "y"]), lowercase=True)
PAIRS = [("a b", "x y"), ("c", "z|"), ("dd", "y")]


class Stub:
    """A translator that returns outputs from a list."""

    codec = TextCodec(WORDS, WORDS, SearchSettings(9, 9))

    def __init__(self, answers, weight=1.0):
        self.answers = dict(zip([source for source, _ in PAIRS], answers, strict=True))
        self.weight = weight

    def __call__(self, texts, batch_size=64, progress=None):
        return [self._translation(text) for text in texts]

    def _translation(self, text):
        weights = np.full((2, 2), self.weight / 2, "float32")
        return Translation(
            text,
            (text, "</s>"),
            (Hypothesis(self.answers[text], -1.0, (self.answers[text], "</s>"), weights),),
        )


def test_the_logged_step_counts_all_validation_intervals():
    logs = {}
    CountSteps(250).on_epoch_end(3, logs)
    assert logs == {"step": 1000}


def test_dropout_depends_on_the_recipes_seed_and_the_epoch():
    model = Seq2Seq(5, 5, units=2, embedding=2, dropout=0.5)

    def states(seed, epoch):
        """Return the state of every random generator at the start of an epoch."""
        callback = SeedDropout(seed)
        callback.set_model(model)
        callback.on_epoch_begin(epoch)
        variables = [v for v in model.variables if v.name == "seed_generator_state"]
        return [tuple(variable.numpy().tolist()) for variable in variables]

    first = states(1, 0)
    assert len(set(first)) == len(first) > 1
    assert states(1, 0) == first
    assert not set(first) & {*states(2, 0), *states(1, 1)}


@pytest.mark.parametrize(
    ("metric", "value"),
    [("exact_match", 1 / 3), ("g2p_wer", 200 / 3), ("per", 50.0), ("wer", 50.0)],
)
def test_validate_logs_the_recipes_metric_and_exact_match(metric, value):
    logs = {"loss": 1.0}
    Validate(Stub(["x y", "y", "z"]), PAIRS, metric).on_epoch_end(0, logs)
    assert logs.pop(f"val_{metric}") == pytest.approx(value)
    if metric != "exact_match":
        assert logs.pop("val_exact_match") == pytest.approx(1 / 3)
    assert logs == {"loss": 1.0}


@pytest.mark.parametrize("metric", ["exact_match", "chrf", "ter"])
def test_references_are_normalized_like_outputs(metric):
    """The targets have extra white space, capitals and decomposed letters."""
    targets = ["Xé  y", " y\u00a0z", unicodedata.normalize("NFD", "É ")]
    pairs = [(source, target) for (source, _), target in zip(PAIRS, targets, strict=True)]
    logs = {}
    Validate(Stub(["xé y", "y z", "é"]), pairs, metric).on_epoch_end(0, logs)
    assert logs["val_exact_match"] == 1
    assert logs[f"val_{metric}"] == pytest.approx({"chrf": 100, "ter": 0}.get(metric, 1))


def test_an_unknown_token_never_matches_an_unknown_token_of_the_reference():
    logs = {}
    Validate(Stub(["<unk>", "x", "y"]), PAIRS).on_epoch_end(0, logs)
    assert logs["val_exact_match"] == 1 / 3


@pytest.mark.parametrize(
    ("steps", "rates"), [(0, [0.5, 0.5, 0.5, 0.5]), (20, [0.0, 0.2, 0.4, 0.5])]
)
def test_the_sampling_rate_rises_linearly(steps, rates):
    model = Seq2Seq(5, 5, units=2, embedding=2, scheduled_sampling=True)
    config = TrainingConfig(scheduled_sampling=0.5, scheduled_sampling_steps=steps)
    callback = RaiseSampling(config, 8)
    callback.set_model(model)
    found = []
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        found.append(float(model.sampler.rate.value))
    assert found == pytest.approx(rates)


def summaries(folder):
    """Return the tags of all written summaries, with their steps."""
    found = []
    for path in folder.iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found += [(value.tag, event.step) for value in event.summary.value]
    return found


def test_samples_and_alignments_are_written_for_tensorboard(tmp_path):
    show = ShowSamples(Stub(["x", "y", "z"]), PAIRS, tmp_path, 50)
    for epoch in range(2):
        show.on_epoch_end(epoch)
    show.on_train_end()
    tags = ["samples", *(f"alignment {n}" for n in range(3))]
    assert sorted(summaries(tmp_path)) == sorted((tag, step) for tag in tags for step in (50, 100))


def test_short_pairs_are_shown_and_pictures_have_a_limited_size(monkeypatch):
    pairs = [("a" * 6000, "b"), *PAIRS, ("a", "b" * 99), ("a", "b"), ("c", "d")]
    assert short_pairs(pairs) == [*PAIRS, ("a", "b")]
    assert short_pairs(pairs[:1]) == pairs[:1]
    drawn = []
    monkeypatch.setattr(
        "keras_attention.training.callbacks.samples.plot_alignment",
        lambda translation: drawn.append(translation) or plot_alignment(translation),
    )
    long = Hypothesis("x", -1.0, ("x",) * 3, np.ones((3, 6000), "float32"))
    picture = draw_alignment(Translation("a", ("a",) * 6000, (long,)))
    assert drawn[0].alignment.shape == (3, 80) and len(drawn[0].source_tokens) == 80
    assert picture.shape[1] < 4000


def test_a_model_without_attention_has_no_pictures(tmp_path):
    show = ShowSamples(Stub(["x", "y", "z"], weight=0.0), PAIRS, tmp_path, 50)
    show.on_epoch_end(0)
    show.on_train_end()
    assert summaries(tmp_path) == [("samples", 50)]


def test_samples_are_a_markdown_table():
    translations = Stub(["x y", "z|", ""])([source for source, _ in PAIRS])
    assert as_table(translations, [target for _, target in PAIRS]).split("\n") == [
        "| source | output | expected |",
        "| --- | --- | --- |",
        "| a b | x y | x y |",
        r"| c | z\| | z\| |",
        "| dd |  | y |",
    ]
