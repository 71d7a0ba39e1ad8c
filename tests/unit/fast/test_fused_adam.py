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


@tensorflow_only("only its update of a scaled loss is a branch of a graph")
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
