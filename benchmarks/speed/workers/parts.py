"""Single parts of a training step and of a search, in this library and in Keras."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import growing
import keras
import numpy as np
import protocol
import tensorflow as tf
from keras import ops
from protocol import Reply, measured

from keras_attention import MaskedAccuracy, MaskedCrossentropy
from keras_attention.decoding.top_tokens import top_tokens
from keras_attention.fast.fused_adam import FusedAdam
from keras_attention.fast.hoisted_rnn import HoistedLSTM
from keras_attention.fast.layer_norm import LayerNorm
from keras_attention.special_tokens import PAD_ID, START_ID


class Parts:
    """All parts as graphs, each built on its first use."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        keras.utils.set_random_seed(1)
        self.graph = cache(self._graph)

    def time(self, part: str, how: str, times: int, **settings: Any) -> Reply:
        """Return mean seconds per call. The call that traces a new graph is not counted."""
        run = self.graph(part, how, **settings)
        with measured() as found:
            for _ in range(times):
                run()
        return {clock: seconds / times for clock, seconds in found.items()}

    def _graph(self, part: str, how: str, **settings: Any) -> Callable[[], Any]:
        function, inputs = getattr(self, part)(how, **settings)
        graph = tf.function(function, autograph=False)
        graph(*inputs)
        return lambda: graph(*inputs)

    def crossentropy(self, how: str, smoothing: float) -> tuple[Any, list[Any]]:
        """Return a function for the loss of some positions and its gradient, and its inputs."""
        loss = MaskedCrossentropy(smoothing) if how == "ours" else _plain_crossentropy(smoothing)

        def run(target: Any, logits: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = loss(target, logits)
            return value, tape.gradient(value, logits)

        return run, self._positions()

    def accuracy(self, how: str) -> tuple[Any, list[Any]]:
        """Return a function that updates a metric on some positions, and its inputs."""
        metric = MaskedAccuracy() if how == "ours" else keras.metrics.SparseCategoricalAccuracy()

        def run(target: Any, logits: Any) -> Any:
            weights = {} if how == "ours" else {"sample_weight": target != PAD_ID}
            metric.update_state(target, logits, **weights)

        return run, self._positions()

    def _positions(self) -> list[Any]:
        """Return target ids `[1, N]` without padding, and logits `[1, N, V]`."""
        shape, vocabulary = (1, self.config["positions"]), self.config["vocabulary"]
        ids = np.random.default_rng(1).integers(4, vocabulary, shape)
        return [tf.constant(ids, "int32"), tf.random.normal((*shape, vocabulary))]

    def top_tokens(self, how: str) -> tuple[Any, list[Any]]:
        """Return a function for the five most likely tokens of each hypothesis, and its inputs."""
        choose = top_tokens if how == "ours" else _plain_top_tokens
        rows = tf.random.normal((self.config["rows"], self.config["vocabulary"]))
        return lambda logits: choose(logits, 5), [rows]

    def adam(self, how: str) -> tuple[Any, list[Any]]:
        """Return a function that updates all weights of the model, and its inputs."""
        model = growing.build(self.config, self.config["vocabulary"])
        weights = [keras.Variable(weight) for weight in model.get_weights()]
        gradients = [tf.random.normal(weight.shape, stddev=1e-3) for weight in weights]
        optimizer = FusedAdam() if how == "ours" else keras.optimizers.Adam()
        optimizer.build(weights)
        return lambda *given: optimizer.apply(given, weights), gradients

    def lstm(self, how: str, units: int) -> tuple[Any, list[Any]]:
        """Return a function for an LSTM's outputs and gradients on a batch, and its inputs."""
        made = HoistedLSTM if how == "ours" else keras.layers.LSTM
        shape = [self.config[key] for key in ("batch", "steps", "embedding")]
        return _gradients_of(made(units, return_sequences=True), shape)

    def layer_norm(self, how: str) -> tuple[Any, list[Any]]:
        """Return a function for the outputs and gradients of a normalisation, and its inputs."""
        made = LayerNorm if how == "ours" else keras.layers.LayerNormalization
        return _gradients_of(made(epsilon=1e-6), [self.config["positions"], self.config["units"]])

    def weights(self) -> Reply:
        """Count the weights that `adam` updates."""
        return {"weights": growing.build(self.config, self.config["vocabulary"]).count_params()}


def _gradients_of(layer: Any, shape: list[int]) -> tuple[Any, list[Any]]:
    """Return a function for a layer's outputs and all gradients, and random inputs for it."""
    layer.build(shape)
    weights = [weight.value for weight in layer.trainable_weights]

    def run(inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = tf.reduce_sum(tf.square(layer(inputs, training=True)))
        return value, tape.gradient(value, [inputs, *weights])

    return run, [tf.random.normal(shape)]


def _plain_crossentropy(smoothing: float) -> Callable[[Any, Any], Any]:
    """Return the loss in Keras operations; label smoothing needs no second softmax."""

    def loss(target: Any, logits: Any) -> Any:
        losses = ops.sparse_categorical_crossentropy(target, logits, from_logits=True)
        if smoothing:
            chosen = ops.take_along_axis(logits, ops.expand_dims(target, -1), axis=-1)
            losses += smoothing * (ops.squeeze(chosen, -1) - ops.mean(logits, axis=-1))
        weights = ops.cast(target != PAD_ID, losses.dtype)
        return ops.sum(losses * weights) / ops.sum(weights)

    return loss


def _plain_top_tokens(logits: Any, count: int) -> tuple[Any, Any]:
    """Return the most likely tokens by `logsumexp` and one `top_k` over all tokens."""
    ids = ops.arange(logits.shape[-1])
    special = ops.logical_or(ops.equal(ids, PAD_ID), ops.equal(ids, START_ID))
    best, tokens = ops.top_k(ops.where(special, -1e9, logits), count)
    return best - ops.logsumexp(logits, axis=-1, keepdims=True), tokens


if __name__ == "__main__":
    protocol.serve(Parts(protocol.settings()), versions={"keras": keras.__version__})
