"""Train 50 steps with one replica and with two, and print the results as JSON."""

import json
from contextlib import nullcontext

import keras
import numpy as np
import tensorflow as tf

from keras_attention import LuongAttention, MaskedAccuracy, MaskedCrossentropy, Seq2Seq

# The replicas get unequal parts: seven and four tokens in the first batch, two rows and one row in
# the second. The first batch has an even number of rows, because Keras rejects an odd number there.
SOURCE = np.array([[4, 5, 6, 2], [6, 5, 2, 0], [3, 2, 0, 0], [5, 4, 3, 2]] * 2)[:7]
TARGET_OUT = np.array([[4, 5, 3, 2], [3, 4, 2, 0], [2, 0, 0, 0], [5, 4, 2, 0]] * 2)[:7]
TARGET_IN = np.where(TARGET_OUT > 0, np.insert(TARGET_OUT, 0, 1, axis=1)[:, :4], 0)
GUIDE = np.random.default_rng(0).random((7, 4, 4)).astype("float32")
LOSSES = {"l2": 0.01, "coverage_loss": 0.7, "guided_alignment": 0.3, "r_drop": 0.5}
EPOCHS = 25
"""There are two steps in an epoch."""


def halve_second_pass(x, training=False):
    """Halve the rows of R-Drop's second pass; this replaces dropout, which is random."""
    rows = tf.shape(x)[0]
    second = training & (tf.range(rows) >= rows // 2)
    return x * tf.where(second, 0.5, 1.0)[:, None, None]


def train(scope, loss, epochs=EPOCHS):
    """Train with all losses and clipping."""
    keras.utils.set_random_seed(1)
    data = tf.data.Dataset.from_tensor_slices(((SOURCE, TARGET_IN, GUIDE), TARGET_OUT)).batch(4)
    with scope:
        model = Seq2Seq(
            7, 6, units=4, embedding=3, attention=LuongAttention(), memory_dropout=0.5, **LOSSES
        )
        model.build()
        model.memory_dropout.call = halve_second_pass
        optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.05)  # so small that it clips
        model.compile(optimizer, loss, metrics=[MaskedAccuracy()])
    evaluated = model.evaluate(data, verbose=0, return_dict=True)
    logs = model.fit(data, epochs=epochs, verbose=0).history
    weights = [weight.numpy().ravel().tolist() for weight in model.trainable_weights]
    return {"evaluated": evaluated, "logs": logs, "weights": sum(weights, [])}


def main():
    tf.get_logger().setLevel("ERROR")
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # saves time
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], logical)
    # Both strategies get the same shapes. If the shapes differed, the collective operations of the
    # second strategy would fail.
    first, second = (tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]) for _ in range(2))
    other = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train(first.scope(), other, epochs=1)
    loss = MaskedCrossentropy(label_smoothing=0.1)
    print(json.dumps([train(scope, loss) for scope in (nullcontext(), second.scope())]))


if __name__ == "__main__":
    main()
