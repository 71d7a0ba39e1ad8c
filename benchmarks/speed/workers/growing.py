"""Measure a training step and a greedy search of this library on random ids, at any size.

Each request gives the vocabulary size, the lengths and the batch size.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import protocol
import tensorflow as tf
from ours import rig
from protocol import Reply, measured

from keras_attention import BahdanauAttention, LuongAttention, MaskedAccuracy, MaskedCrossentropy
from keras_attention.decoding.options import SearchOptions
from keras_attention.fast.fused_adam import FusedAdam
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.searches.compiled_search import Searches


class Growing:
    """A model with the vocabulary size of the last request."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.vocabulary = config, 0

    def _model(self, vocabulary: int) -> Seq2Seq:
        if vocabulary != self.vocabulary:
            keras.backend.clear_session()
            self.model, self.vocabulary = build(self.config, vocabulary), vocabulary
            self.searches = Searches(self.model)
        return self.model

    def train(self, source: int, target: int, batch: int, vocabulary: int, least: float) -> Reply:
        """Return the mean time of a training step, and the peak memory.

        The first step is not counted, because it traces the graph.
        """
        model = self._model(vocabulary)
        draw = np.random.default_rng(1).integers
        ids = [draw(4, vocabulary, (batch, steps), "int32") for steps in (source, target)]
        any_ids = tf.TensorSpec(
            [None, None], tf.int32
        )  # like batches of `fit`, so that no step retraces
        data = tf.data.Dataset.from_generator(
            lambda: [((ids[0], protocol.teacher(ids[1])), ids[1])],
            output_signature=((any_ids, any_ids), any_ids),
        )
        stream = iter(data.cache().repeat())
        model.make_train_function()
        protocol.memory(reset=True)
        model.train_function(stream)
        found = repeat(lambda: float(model.train_function(stream)["loss"]), least)
        return {**found, "tokens": batch * target, **protocol.memory()}

    def search(self, source: int, target: int, batch: int, vocabulary: int, least: float) -> Reply:
        """Return the mean time of a greedy search, and the peak memory.

        The first search is not counted, because it traces the graph.
        """
        self._model(vocabulary)
        draw = np.random.default_rng(1).integers
        ids = draw(4, vocabulary, (batch, source), "int32")
        options = SearchOptions(max_length=target)
        protocol.memory(reset=True)
        generated = self.searches(ids, options)[0]
        found = repeat(lambda: self.searches(ids, options), least)
        return {**found, "tokens": int(np.count_nonzero(generated)), **protocol.memory()}


def build(config: dict[str, Any], vocabulary: int) -> Seq2Seq:
    """Return a model that never ends an output, compiled as in a recipe."""
    keras.utils.set_random_seed(1)
    units, luong = config["units"], config["attention"] == "luong"
    model = Seq2Seq(
        vocabulary,
        vocabulary,
        units=units,
        embedding=config["embedding"],
        attention=LuongAttention("general") if luong else BahdanauAttention(units),
        placement="after" if luong else "before",
    )
    model.build()
    rig(model, endless=True)
    model.compile(
        FusedAdam(0.001, global_clipnorm=1.0),
        loss=MaskedCrossentropy(),
        metrics=[MaskedAccuracy()],
    )
    return model


def repeat(run: Any, least: float) -> Reply:
    """Repeat `run` for about `least` seconds, and return the mean times.

    There are at least 1 and at most 100 runs.
    """
    count, end = 0, time.perf_counter() + least
    with measured() as found:
        while not count or (count < 100 and time.perf_counter() < end):
            run()
            count += 1
    return {"wall": found["wall"] / count, "cpu": found["cpu"] / count, "count": count}


if __name__ == "__main__":
    protocol.serve(Growing(protocol.settings()), versions={"keras": keras.__version__})
