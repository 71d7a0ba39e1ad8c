import keras
import pytest

from keras_attention.training.callbacks.metric_watchers import KeepBest, LowerOnPlateau, StopEarly
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.run.run_folder import RunFolder


class Stub:
    """A translator that counts how often it is saved."""

    saved = 0

    def save(self, folder):
        self.saved += 1


def folder_with(tmp_path, metric, values):
    run = RunFolder(tmp_path)
    rows = "".join(f"{n},{value}\n" for n, value in enumerate(values))
    run.metrics_file.write_text(f"epoch,{metric}\n{rows}")
    return run


@pytest.mark.parametrize(
    ("more", "values", "saves"),
    [(True, [1, 3, 3, 2, 4], [1, 2, 2, 2, 3]), (False, [9, 9, 8, 10, 7], [1, 1, 2, 2, 3])],
)
def test_the_best_value_is_the_highest_or_for_some_metrics_the_lowest(
    more, values, saves, tmp_path
):
    stub = Stub()
    keep = KeepBest(RunFolder(tmp_path), "val_x", stub, higher_is_better=more)
    found = []
    for epoch, value in enumerate(values):
        keep.on_epoch_end(epoch, {"val_x": value})
        found.append(stub.saved)
    assert found == saves


def test_among_equal_values_the_one_with_the_lowest_loss_is_the_best(tmp_path):
    folder_with(tmp_path, "val_x", [0.0])
    (tmp_path / "metrics.csv").write_text("epoch,val_x,val_loss\n0,0.0,3.0\n")
    stub = Stub()
    keep = KeepBest(RunFolder(tmp_path), "val_x", stub)
    found = []
    for epoch, (value, loss) in enumerate([(0, 2.0), (0, 2.5), (0, 1.0), (1, 4.0), (1, 3.0)]):
        keep.on_epoch_end(epoch, {"val_x": value, "val_loss": loss})
        found.append(stub.saved)
    assert found == [1, 1, 2, 3, 4]


def test_nan_is_never_the_best(tmp_path):
    nan = float("nan")
    for more in (True, False):
        stub = Stub()
        keep = KeepBest(RunFolder(tmp_path), "val_x", stub, higher_is_better=more)
        for epoch, value in enumerate([nan, 5.0, nan]):
            keep.on_epoch_end(epoch, {"val_x": value, "val_loss": 1.0})
        assert (stub.saved, max(keep.values)) == (1, 5.0 if more else -5.0)
    stub = Stub()
    keep = KeepBest(RunFolder(tmp_path), "val_x", stub)
    for epoch, loss in enumerate([nan, 2.0, nan, 1.0]):
        keep.on_epoch_end(epoch, {"val_x": 0.0, "val_loss": loss})
    assert stub.saved == 3


def test_a_resumed_run_starts_with_its_earlier_best(tmp_path):
    stub, run = Stub(), folder_with(tmp_path, "val_wer", [30.0, 20.0, 25.0])
    keep = KeepBest(run, "val_wer", stub, higher_is_better=False)
    keep.on_epoch_end(3, {"val_wer": 22.0})
    assert stub.saved == 0
    keep.on_epoch_end(4, {"val_wer": 19.0})
    assert stub.saved == 1


def test_every_epoch_is_saved_without_held_out_pairs(tmp_path):
    stub = Stub()
    keep = KeepBest(RunFolder(tmp_path), "val_x", stub)
    for epoch in range(3):
        keep.on_epoch_end(epoch, {"loss": 1.0})
    assert stub.saved == 3


def stops_at(callback, values, first=0):
    """Return the number of values after which training stops, or `None` if it does not stop."""
    model = keras.Sequential()
    model.stop_training = False
    callback.set_model(model)
    for epoch, value in enumerate(values, start=first):
        callback.on_epoch_end(epoch, {"val_x": value})
        if model.stop_training:
            return epoch + 1
    return None


def test_training_stops_after_patience_validations_without_a_new_best(tmp_path):
    run = RunFolder(tmp_path)
    assert stops_at(StopEarly(run, "val_x", 2), [1, 3, 2, 3, 5]) == 4
    assert stops_at(StopEarly(run, "val_x", 3), [1, 3, 2, 3, 5]) is None
    falling = StopEarly(run, "val_x", 1, higher_is_better=False)
    assert stops_at(falling, [5, 4, 3, 3]) == 4
    assert not StopEarly(run, "val_x", 1).is_over


def test_a_resumed_run_counts_earlier_validations_for_its_patience(tmp_path):
    run = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0])
    callback = StopEarly(run, "val_x", 2)
    assert not callback.is_over
    assert stops_at(callback, [2.5], first=3) == 4
    over = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0, 2.5])
    assert StopEarly(over, "val_x", 2).is_over


def rates_of(callback, values, optimizer, first=0):
    """Return the learning rate of each epoch; the metric of epoch n is `values[n]`."""
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
def test_the_learning_rate_falls_at_every_plateau(more, values, scaled, tmp_path):
    optimizer = keras.optimizers.Adam(PLATEAUS.learning_rate)
    if scaled:  # Keras also does this for mixed precision
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    callback = LowerOnPlateau(RunFolder(tmp_path), "val_x", PLATEAUS, higher_is_better=more)
    powers = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3]
    expected = [PLATEAUS.learning_rate * 0.5**power for power in powers]
    assert rates_of(callback, values, optimizer) == pytest.approx(expected)


def test_a_resumed_run_counts_earlier_plateaus_and_validations(tmp_path):
    run = folder_with(tmp_path, "val_x", [1.0, 3.0, 2.0, 3.0, 3.0])
    callback = LowerOnPlateau(run, "val_x", PLATEAUS)
    assert callback.plateaus == 1
    optimizer = keras.optimizers.Adam(1.0)
    assert rates_of(callback, [2, 2], optimizer, first=5) == pytest.approx([0.0005, 0.00025])
