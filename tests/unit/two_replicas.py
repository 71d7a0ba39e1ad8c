"""Print, as JSON, what one step of training gives with one replica and with two."""

import json
from contextlib import nullcontext

import keras
import numpy as np
import tensorflow as tf

from keras_attention import LuongAttention, MaskedAccuracy, MaskedCrossentropy, Seq2Seq

# Each replica gets two rows and six tokens.
SOURCE = np.array([[4, 5, 6, 2], [6, 5, 2, 0], [3, 2, 0, 0], [5, 4, 3, 2]])
TARGET_IN = np.array([[1, 4, 5, 3], [1, 3, 0, 0], [1, 5, 4, 0], [1, 5, 4, 0]])
TARGET_OUT = np.array([[4, 5, 3, 2], [3, 2, 0, 0], [5, 4, 2, 0], [5, 4, 2, 0]])
GUIDE = np.random.default_rng(0).random((4, 4, 4)).astype("float32")
SETTINGS = {
    "plain": {},
    "with other losses": {"l2": 0.1, "coverage_loss": 0.7, "guided_alignment": 0.3},
}


def train(settings, replicas):
    keras.utils.set_random_seed(1)
    inputs = (SOURCE, TARGET_IN, GUIDE) if settings else (SOURCE, TARGET_IN)
    data = tf.data.Dataset.from_tensor_slices((inputs, TARGET_OUT)).batch(4)
    devices = [f"CPU:{index}" for index in range(replicas)]
    scope = tf.distribute.MirroredStrategy(devices).scope() if replicas > 1 else nullcontext()
    with scope:
        model = Seq2Seq(7, 6, units=4, embedding=3, attention=LuongAttention(), **settings)
        model.build()
        loss = MaskedCrossentropy(label_smoothing=0.1)
        model.compile(keras.optimizers.SGD(0.5), loss, metrics=[MaskedAccuracy()], run_eagerly=True)
    evaluated = model.evaluate(data, verbose=0, return_dict=True)
    logs = {key: each[0] for key, each in model.fit(data, verbose=0).history.items()}
    weights = [weight.numpy().ravel().tolist() for weight in model.trainable_weights]
    return {"evaluated": evaluated, "logs": logs, "weights": sum(weights, [])}


def main():
    tf.get_logger().setLevel("ERROR")
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], logical)
    print(json.dumps({name: [train(each, n) for n in (1, 2)] for name, each in SETTINGS.items()}))


if __name__ == "__main__":
    main()
