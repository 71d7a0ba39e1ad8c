import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention import Seq2Seq
from keras_attention.training.callbacks import (
    CountSteps,
    KeepBest,
    LowerOnPlateau,
    RaiseSampling,
    StopEarly,
    Validate,
)
from keras_attention.training.run_folder import RunFolder
from keras_attention.training.samples import ShowSamples, as_table
from keras_attention.training.sections import TrainingConfig
from keras_attention.translation import Hypothesis, Translation

PAIRS = [("a b", "x y"), ("c", "z|"), ("dd", "y")]


class Stub:
    """In a translator's place: answers from a list, and notes what it is told to save."""

    def __init__(self, answers, weight=1.0):
        self.answers = dict(zip([source for source, _ in PAIRS], answers, strict=True))
        self.weight = weight
        self.saved = 0

    def __call__(self, texts, batch_size=64):
        return [self._translation(text) for text in texts]

    def _translation(self, text):
        weights = np.full((2, 2), self.weight / 2, "float32")
        return Translation(
            text,
            (text, "</s>"),
            (Hypothesis(self.answers[text], -1.0, (self.answers[text], "</s>"), weights),),
        )

    def save(self, folder):
        self.saved += 1


def folder_with(tmp_path, metric, values):
    run = RunFolder(tmp_path)
    rows = "".join(f"{n},{value}\n" for n, value in enumerate(values))
    run.metrics_file.write_text(f"epoch,{metric}\n{rows}")
    return run


def test_steps_are_counted_over_all_stretches():
    logs = {}
    CountSteps(250).on_epoch_end(3, logs)
    assert logs == {"step": 1000}


@pytest.mark.parametrize(
    ("metric", "value"), [("exact_match", 1 / 3), ("wer", 200 / 3), ("per", 50.0)]
)
def test_validate_logs_the_recipes_metric_and_exact_matches(metric, value):
    logs = {"loss": 1.0}
    Validate(Stub(["x y", "y", "z"]), PAIRS, metric).on_epoch_end(0, logs)
    assert logs.pop(f"val_{metric}") == pytest.approx(value)
    if metric != "exact_match":
        assert logs.pop("val_exact_match") == pytest.approx(1 / 3)
    assert logs == {"loss": 1.0}


@pytest.mark.parametrize(
    ("more", "values", "saves"),
    [(True, [1, 3, 3, 2, 4], [1, 2, 2, 2, 3]), (False, [9, 9, 8, 10, 7], [1, 1, 2, 2, 3])],
)
def test_the_best_is_kept_in_either_direction(more, values, saves, tmp_path):
    stub = Stub(["", "", ""])
    keep = KeepBest(stub, RunFolder(tmp_path), "val_x", higher_is_better=more)
    found = []
    for epoch, value in enumerate(values):
        keep.on_epoch_end(epoch, {"val_x": value})
        found.append(stub.saved)
    assert found == saves


def test_a_resumed_run_knows_its_best(tmp_path):
    stub, run = Stub(["", "", ""]), folder_with(tmp_path, "val_wer", [30.0, 20.0, 25.0])
    keep = KeepBest(stub, run, "val_wer", higher_is_better=False)
    keep.on_epoch_end(3, {"val_wer": 22.0})
    assert stub.saved == 0
    keep.on_epoch_end(4, {"val_wer": 19.0})
    assert stub.saved == 1


def test_with_nothing_held_out_every_epoch_is_kept(tmp_path):
    stub = Stub(["", "", ""])
    keep = KeepBest(stub, RunFolder(tmp_path))
    for epoch in range(3):
        keep.on_epoch_end(epoch, {"loss": 1.0})
    assert stub.saved == 3


def stops_at(callback, values, first=0):
    """After how many of the values the fit is stopped; `None` if never."""
    model = keras.Sequential()
    model.stop_training = False
    callback.set_model(model)
    for epoch, value in enumerate(values, start=first):
        callback.on_epoch_end(epoch, {"val_x": value})
        if model.stop_training:
            return epoch + 1
    return None


def test_patience_ends_after_so_many_without_a_new_best(tmp_path):
    run = RunFolder(tmp_path)
    assert stops_at(StopEarly(run, "val_x", 2), [1, 3, 2, 3, 5]) == 4
    assert stops_at(StopEarly(run, "val_x", 3), [1, 3, 2, 3, 5]) is None
    falling = StopEarly(run, "val_x", 1, higher_is_better=False)
    assert stops_at(falling, [5, 4, 3, 3]) == 4
    assert not StopEarly(run, "val_x", 1).is_over


def test_a_resumed_run_has_waited_as_long_as_it_had(tmp_path):
    run = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0])
    callback = StopEarly(run, "val_x", 2)
    assert not callback.is_over
    assert stops_at(callback, [2.5], first=3) == 4
    over = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0, 2.5])
    assert StopEarly(over, "val_x", 2).is_over


@pytest.mark.parametrize(
    ("grown_after", "shares"), [(0, [0.5, 0.5, 0.5, 0.5]), (20, [0.0, 0.2, 0.4, 0.5])]
)
def test_sampling_rises_in_a_line_to_its_share(grown_after, shares):
    model = Seq2Seq(5, 5, units=2, embedding=2, scheduled_sampling=True)
    callback = RaiseSampling(0.5, grown_after, steps=8)
    callback.set_model(model)
    found = []
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        found.append(float(model.sampler.rate.value))
    assert found == pytest.approx(shares)


def rates_of(callback, values, optimizer, first=0):
    """The step size of each epoch, if the metric after it is the next of `values`."""
    model = keras.Sequential()
    model.compile(optimizer, loss="mse")
    callback.set_model(model)
    found = []
    for epoch, value in enumerate(values, start=first):
        callback.on_epoch_begin(epoch)
        found.append(float(optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_x": value})
    return found


PLATEAUS = TrainingConfig(schedule="plateau", plateau_factor=0.5, plateau_patience=2)


@pytest.mark.parametrize(
    ("more", "values"),
    [(True, [1, 3, 2, 3, 3, 4, 4, 4, 1, 1, 0]), (False, [9, 7, 8, 7, 8, 6, 6, 6, 7, 7, 7])],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_the_step_size_falls_at_every_plateau(more, values, scaled, tmp_path):
    optimizer = keras.optimizers.Adam(PLATEAUS.learning_rate)
    if scaled:  # as Keras does for 16 bits
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    callback = LowerOnPlateau(RunFolder(tmp_path), PLATEAUS, "val_x", higher_is_better=more)
    powers = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3]
    expected = [PLATEAUS.learning_rate * 0.5**power for power in powers]
    assert rates_of(callback, values, optimizer) == pytest.approx(expected)


def test_a_resumed_run_counts_its_plateaus_and_how_long_it_waited(tmp_path):
    run = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0, 3.0, 3.0])
    callback = LowerOnPlateau(run, PLATEAUS, "val_x")
    assert callback.plateaus == 1
    optimizer = keras.optimizers.Adam(1.0)
    assert rates_of(callback, [2, 2], optimizer, first=5) == pytest.approx([0.0005, 0.00025])


def summaries(folder):
    """Tags of all summaries that were written, with their steps."""
    found = []
    for path in folder.iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found += [(value.tag, event.step) for value in event.summary.value]
    return found


def test_samples_and_alignments_are_shown(tmp_path):
    show = ShowSamples(Stub(["x", "y", "z"]), PAIRS, tmp_path, 50)
    for epoch in range(2):
        show.on_epoch_end(epoch)
    show.on_train_end()
    tags = ["samples", *(f"alignment {n}" for n in range(3))]
    assert sorted(summaries(tmp_path)) == sorted((tag, step) for tag in tags for step in (50, 100))


def test_a_model_without_attention_has_no_pictures(tmp_path):
    show = ShowSamples(Stub(["x", "y", "z"], weight=0.0), PAIRS, tmp_path, 50)
    show.on_epoch_end(0)
    show.on_train_end()
    assert summaries(tmp_path) == [("samples", 50)]


def test_samples_are_a_table():
    translations = Stub(["x y", "z|", ""])([source for source, _ in PAIRS])
    assert as_table(translations, [target for _, target in PAIRS]).split("\n") == [
        "| source | output | expected |",
        "| --- | --- | --- |",
        "| a b | x y | x y |",
        r"| c | z\| | z\| |",
        "| dd |  | y |",
    ]
