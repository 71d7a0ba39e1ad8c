"""Train on one JAX device and on two, and print what they compute as JSON."""

import json

import jax
import keras
import numpy as np
from keras import ops

from keras_attention import LuongAttention, MaskedAccuracy, MaskedCrossentropy, Seq2Seq
from keras_attention.objectives.split_batches import loss_of_parts

# The devices get seven and four tokens of a batch.
SOURCE = np.array([[4, 5, 6, 2], [6, 5, 2, 0], [3, 2, 0, 0], [5, 4, 3, 2]])
TARGET_OUT = np.array([[4, 5, 3, 2], [3, 4, 2, 0], [2, 0, 0, 0], [5, 4, 2, 0]])
TARGET_IN = np.where(TARGET_OUT > 0, np.insert(TARGET_OUT, 0, 1, axis=1)[:, :4], 0)
GUIDE = np.random.default_rng(0).random((4, 4, 4)).astype("float32")
LOSSES = {"l2": 0.1, "coverage_loss": 0.7, "guided_alignment": 0.3, "r_drop": 0.5}


def halve_second_pass(x, training=False):
    """Halve the rows of R-Drop's second pass; this replaces dropout, which is random."""
    rows = x.shape[0]
    second = training & (ops.arange(rows) >= rows // 2)
    return x * ops.where(second, 0.5, 1.0)[:, None, None]


def train():
    """Return logs and weights after four steps, and the all-reduces of a step's program."""
    keras.utils.set_random_seed(1)
    model = Seq2Seq(
        7, 6, units=4, embedding=3, attention=LuongAttention(), memory_dropout=0.5, **LOSSES
    )
    model.build()
    model.memory_dropout.call = halve_second_pass
    optimizer = keras.optimizers.SGD(0.5, global_clipnorm=0.5)
    model.compile(optimizer, MaskedCrossentropy(label_smoothing=0.1), metrics=[MaskedAccuracy()])
    data = (SOURCE, TARGET_IN, GUIDE), TARGET_OUT
    found = model.fit(*data, batch_size=4, epochs=4, shuffle=False, verbose=0).history
    weights = [np.asarray(weight).ravel().tolist() for weight in model.trainable_weights]
    return {"logs": found, "weights": sum(weights, []), "loops": sums_in_loops(model, data)}


def sums_in_loops(model, data):
    """Return the number of sums over all devices that a training step computes in its loops."""
    state = model._get_jax_state(
        trainable_variables=True,
        non_trainable_variables=True,
        optimizer_variables=True,
        metrics_variables=True,
    )
    placed = jax.tree.map(place, data)
    program = jax.jit(model.train_step).lower(state, placed).compile().as_text()
    sums = [line for line in program.splitlines() if " all-reduce(" in line]
    return sum("/while/" in line for line in sums)


def place(rows):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return rows
    return jax.device_put(rows, distribution.get_data_layout(rows.shape).backend_layout)


def draw():
    """Return random numbers that two devices draw, and the state of their generator after it."""

    def compute(trainable, fixed, metrics, x, y, sample_weight, optimizer_variables):
        numbers = jax.random.uniform(jax.random.wrap_key_data(fixed[0]), (1, 3))
        return 0 * x[0], (0 * x[0], numbers, [fixed[0] + np.array([0, 1], "uint32")], metrics)

    state, rows = np.array([5, 7], "uint32"), np.zeros(2, "float32")
    values = [], [state], [], []
    _, (_, numbers, (state,), _) = loss_of_parts(compute, [True], values, (rows, None, None), 0)
    return {"numbers": np.asarray(numbers).tolist(), "state": np.asarray(state).tolist()}


def main():
    one = train()
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    print(json.dumps({"one": one, "two": train(), "drawn": draw()}))


if __name__ == "__main__":
    main()
