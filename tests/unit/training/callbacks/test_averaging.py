"""Averages replace the weights only while a model is evaluated."""

import keras
import numpy as np
import pytest

from keras_attention import MaskedCrossentropy, Seq2Seq
from keras_attention.training.callbacks.averaging import with_average
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.translation.model_files import save_model

BATCH = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [-2.0]])


class RecordWeight(keras.callbacks.Callback):
    """Records the first weight in training, in validation and at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.trained, self.validated, self.evaluated = [], [], []

    def weight(self):
        return self.model.trainable_variables[0].numpy().copy()

    def on_train_batch_end(self, batch, logs=None):
        self.trained.append(self.weight())

    def on_test_batch_begin(self, batch, logs=None):
        self.validated.append(self.weight())

    def on_epoch_end(self, epoch, logs=None):
        self.evaluated.append(self.weight())


def fit_dense(run, config, **options):
    """Fit two batches per epoch for three epochs.

    Returns:
        The weights that are recorded during evaluation, and the weights that are recorded when
            checkpoints are saved.
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05, **options), loss="mse")
    record, saved = RecordWeight(), RecordWeight()
    x, y = (np.concatenate([part, 2 * part]) for part in BATCH)
    model.fit(
        x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=BATCH,
        callbacks=[*with_average([record], config, run), saved],
    )  # fmt: skip
    return record, saved


def test_the_moving_average_is_evaluated_but_training_continues_without_it(tmp_path):
    run = RunFolder(tmp_path)
    plain, _ = fit_dense(run, TrainingConfig())
    record, saved = fit_dense(run, TrainingConfig(ema=0.7), use_ema=True, ema_momentum=0.7)
    np.testing.assert_array_equal(record.trained, plain.trained)
    averages = [record.trained[0]]
    for weight in record.trained[1:]:
        averages.append(0.7 * averages[-1] + 0.3 * weight)
    np.testing.assert_allclose(record.evaluated, averages[1::2], rtol=1e-5)
    np.testing.assert_array_equal(record.validated, record.evaluated)
    np.testing.assert_array_equal(saved.evaluated, record.trained[1::2])


def test_the_mean_of_the_last_intervals_is_evaluated_but_training_continues_without_it(tmp_path):
    run = RunFolder(tmp_path)
    plain, _ = fit_dense(run, TrainingConfig())
    record, saved = fit_dense(run, TrainingConfig(average_last=2))
    np.testing.assert_array_equal(record.trained, plain.trained)
    first, second, third = plain.trained[1::2]
    expected = [first, (first + second) / 2, (second + third) / 2]
    np.testing.assert_allclose(record.evaluated, expected, rtol=1e-6)
    np.testing.assert_array_equal(record.validated, record.evaluated)
    np.testing.assert_array_equal(saved.evaluated, plain.trained[1::2])


def test_nothing_is_averaged_by_default(tmp_path):
    record = RecordWeight()
    assert with_average([record], TrainingConfig(), RunFolder(tmp_path)) == [record]


@pytest.mark.parametrize("left", [(2, 3), (1, 2, 3)], ids=["dropped", "killed before"])
def test_after_resuming_the_mean_includes_the_last_checkpoints(tmp_path, left):
    run = RunFolder(tmp_path)
    model = Seq2Seq(5, 5, units=2, embedding=2)
    model.compile("sgd", MaskedCrossentropy())
    model.build()

    def fill(value):
        for variable in model.trainable_variables:
            variable.assign(np.full(variable.shape, value))

    for number in left:
        fill(10.0**number)
        save_model(model, run.checkpoint(number), include_optimizer=True)
    record = RecordWeight()
    callbacks = with_average([record], TrainingConfig(average_last=3), run)
    for callback in callbacks:
        callback.set_model(model)
    for epoch, value in ((3, 1.0), (4, 2.0)):
        fill(value)
        for callback in callbacks:
            callback.on_epoch_end(epoch)
    assert [weight.flat[0] for weight in record.evaluated] == pytest.approx([1101 / 3, 1003 / 3])
    assert record.weight().flat[0] == 2.0
