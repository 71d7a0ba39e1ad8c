import keras
import numpy as np
import pytest
from keras import ops
from support import normal, tensorflow_only, to_numpy

from keras_attention.fast.fused_adam import FusedAdam

SHAPES = [(5, 3), (7,)]
SETTINGS = {
    "plain": {},
    "clipped": {"global_clipnorm": 0.1},
    "averaged": {"use_ema": True, "ema_momentum": 0.9},
    "accumulated": {"gradient_accumulation_steps": 2},
    "other betas": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
    "AMSGrad": {"amsgrad": True},
}


def trained(make, steps=6, **settings):
    """Return the optimizer, and the values of the variables after some steps."""
    variables = [
        keras.Variable(normal(*shape, seed=len(shape)), name=f"of_{len(shape)}") for shape in SHAPES
    ]
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)
    optimizer = make(rate, **settings)
    for step in range(steps):
        gradients = [
            ops.convert_to_tensor(normal(*shape, seed=10 * step + len(shape))) for shape in SHAPES
        ]
        optimizer.apply(gradients, variables)
    return optimizer, to_numpy([variable.value for variable in variables])


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_updates_equal_the_updates_of_keras_adam(settings):
    ours, found = trained(FusedAdam, **settings)
    keras_own, expected = trained(keras.optimizers.Adam, **settings)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    for one, other in zip(ours.variables, keras_own.variables, strict=True):
        assert one.path.split("/")[1:] == other.path.split("/")[1:]
        np.testing.assert_allclose(*to_numpy([one.value, other.value]), rtol=1e-5, atol=1e-7)


@tensorflow_only("only TensorFlow has sparse gradients")
def test_sparse_gradients_give_the_same_update_as_in_keras():
    import tensorflow as tf

    found = []
    for make in (FusedAdam, keras.optimizers.Adam):
        variable = keras.Variable(normal(5, 3, seed=2))
        rows = tf.IndexedSlices(normal(2, 3, seed=3), tf.constant([4, 1]), (5, 3))
        make(0.1).apply([rows], [variable])
        found.append(to_numpy(variable.value))
    np.testing.assert_allclose(*found, rtol=1e-6)


@tensorflow_only("only in its graphs is the update with a scaled loss conditional")
def test_loss_scaling_gives_the_same_updates_as_in_keras():
    found = []
    for make in (FusedAdam, keras.optimizers.Adam):
        variable = keras.Variable(normal(5, 3, seed=2))
        optimizer = keras.optimizers.LossScaleOptimizer(make(0.1))
        optimizer.build([variable])
        for step in range(3):
            gradient = ops.convert_to_tensor(1e4 * normal(5, 3, seed=step))
            optimizer.apply([gradient], [variable])
        found.append(to_numpy(variable.value))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_is_saved_with_its_settings():
    stored = keras.saving.serialize_keras_object(FusedAdam(0.002, use_ema=True))
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is FusedAdam
    assert loaded.use_ema and float(ops.convert_to_numpy(loaded.learning_rate)) == np.float32(0.002)


def adam(starts, gradients, factors, *, rate=0.05, clip=None, every=1):
    """Return the values after steps of Adam in NumPy (Kingma and Ba 2015, algorithm 1)."""
    values = [start.astype("float64") for start in starts]
    moments = [[np.zeros(value.shape), np.zeros(value.shape)] for value in values]
    for t, first in enumerate(range(0, len(gradients), every), 1):
        means = [
            np.mean(each, axis=0) for each in zip(*gradients[first : first + every], strict=True)
        ]
        norm = np.sqrt(sum((mean**2).sum() for mean in means))
        scale = min(1.0, clip / norm) if clip else 1.0
        for place, mean in enumerate(means):
            m, v = moments[place]
            m[:] = 0.9 * m + 0.1 * scale * mean
            v[:] = 0.999 * v + 0.001 * (scale * mean) ** 2
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
            values[place] = values[place] - factors[place] * rate * step
    return values


RATES = {
    "plain": ({}, {}),
    "clipped": ({"global_clipnorm": 0.5}, {"clip": 0.5}),
    "averaged": ({"use_ema": True}, {}),
    "accumulated": ({"gradient_accumulation_steps": 2}, {"every": 2}),
}


@pytest.mark.parametrize("name", RATES)
def test_a_factor_multiplies_the_step_of_its_variable(name):
    settings, reference = RATES[name]
    starts = [normal(*shape, seed=3) for shape in SHAPES]
    variables = [keras.Variable(start, name=f"v{place}") for place, start in enumerate(starts)]
    optimizer = FusedAdam(0.05, rates=(1, 0.1), **settings)
    steps = [[normal(*shape, seed=9 * step) for shape in SHAPES] for step in range(6)]
    for gradients in steps:
        optimizer.apply([ops.convert_to_tensor(each) for each in gradients], variables)
    expected = adam(starts, steps, [1.0, 0.1], **reference)
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(to_numpy(variable.value), value, rtol=1e-4, atol=1e-5)


def test_factors_are_kept_when_an_optimizer_is_stored():
    optimizer = FusedAdam(0.1, rates=(0.5, 1))
    assert FusedAdam.from_config(optimizer.get_config()).rates == (0.5, 1)
    assert FusedAdam.from_config(keras.optimizers.Adam(0.1).get_config()).rates == ()


def test_another_number_of_factors_than_of_variables_is_refused():
    with pytest.raises(ValueError, match="one factor for each of the 1 variables.*: 2 factors"):
        FusedAdam(0.1, rates=(0.5, 1)).build([keras.Variable(normal(2, seed=1))])
