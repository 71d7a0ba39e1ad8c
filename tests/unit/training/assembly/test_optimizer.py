import keras
import numpy as np
import pytest

from keras_attention.training.assembly.optimizer import build_optimizer
from keras_attention.training.recipe.training_config import TrainingConfig

START = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
GRADIENTS = np.random.default_rng(1).normal(size=(12, 2, 2)).astype("float32")


def train(gradients, total_steps=12, **settings):
    """Return the weights after each gradient, and the optimizer."""
    optimizer = build_optimizer(TrainingConfig(**settings), total_steps)
    variable = keras.Variable(START)
    weights = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        weights.append(variable.numpy())
    return weights, optimizer


def rates(steps, total_steps=100, **settings):
    optimizer = build_optimizer(TrainingConfig(**settings), total_steps)
    found = []
    for step in steps:
        optimizer._iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 0.1},
        {"schedule": "inverse_square_root", "warmup": 2},
        {"schedule": "inverse_square_root"},
        {"warmup": 3},
    ],
)
def test_accumulated_batches_make_one_update_with_their_mean_gradient(settings):
    settings = {"learning_rate": 0.1, **settings}
    found, _ = train(GRADIENTS, accumulate=3, **settings)
    expected, _ = train(GRADIENTS.reshape(4, 3, 2, 2).mean(1), total_steps=4, **settings)
    np.testing.assert_allclose(found[2::3], expected, rtol=1e-5)
    for batch in (0, 3, 6, 9):  # weights do not change between updates
        np.testing.assert_array_equal(found[batch], found[batch + 1])


def test_without_options_the_optimizer_is_plain_adam():
    found, optimizer = train(GRADIENTS, clip_norm=0.0, learning_rate=0.01)
    variable, adam = keras.Variable(START), keras.optimizers.Adam(0.01)
    for gradient in GRADIENTS:
        adam.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(found[-1], variable.numpy(), rtol=1e-6)
    assert len(optimizer.variables) == len(adam.variables)


def test_the_optimizer_keeps_the_moving_average_of_the_weights():
    weights, optimizer = train(GRADIENTS, learning_rate=0.1, ema=0.8)
    average = weights[0]
    for weight in weights[1:]:
        average = 0.8 * average + 0.2 * weight
    (kept,) = optimizer._model_variables_moving_average
    np.testing.assert_allclose(kept.numpy(), average, rtol=1e-5)


def test_the_learning_rate_is_constant_after_a_warm_up_without_schedule():
    found = rates([0, 4, 9, 50], learning_rate=0.2, warmup=10)
    assert found == pytest.approx([0.02, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("accumulate", [1, 5])
def test_a_cosine_schedule_falls_to_zero_at_the_end_of_the_run(accumulate):
    steps = np.array([0, 25, 50, 100])
    expected = 0.2 * (1 + np.cos(np.pi * steps / 100)) / 2
    found = rates(steps, learning_rate=0.2, schedule="cosine", accumulate=accumulate)
    assert found == pytest.approx(list(expected), abs=1e-7)


@pytest.mark.parametrize(("accumulate", "warmup"), [(1, 20), (5, 4)])
def test_a_cosine_schedule_falls_after_the_warm_up(accumulate, warmup):
    steps = np.array([0, 5, 20, 60, 100])
    expected = np.where(steps < 20, steps / 20, (1 + np.cos(np.pi * (steps - 20) / 80)) / 2) * 0.2
    found = rates(steps, learning_rate=0.2, schedule="cosine", warmup=warmup, accumulate=accumulate)
    assert found == pytest.approx(list(expected), abs=1e-7)
