"""A model as in Keras's tutorials: Keras's layers, padded batches and a token-by-token search.

All positions are projected, including padding; the loss ignores padding. oneDNN keeps TensorFlow's
default. Attention comes after the LSTM, because Keras's decoder layer processes the whole target at
once. So both kinds of attention cost about the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import counter
import keras
import numpy as np
import protocol
import tensorflow as tf
from protocol import Reply, measured

# By default `predict` splits batches into parts of 32.
PREDICTIONS: dict[str, Callable[[keras.Model], Any]] = {
    "predict": lambda model: partial(model.predict, batch_size=1024, verbose=0),
    "predict_on_batch": lambda model: model.predict_on_batch,
}


class Plain:
    """The model for training, and the two models for search."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, config["folder"]
        keras.utils.set_random_seed(1)
        v, e, u = (config[name] for name in ("vocabulary", "embedding", "units"))
        layers = keras.layers
        self.source_embedding = layers.Embedding(v, e, mask_zero=True)
        self.target_embedding = layers.Embedding(v, e, mask_zero=True)
        self.encoder = layers.Bidirectional(
            layers.LSTM(u // 2, return_sequences=True, return_state=True)
        )
        self.bridge_h = layers.Dense(u, activation="tanh", use_bias=False)
        self.bridge_c = layers.Dense(u, use_bias=False)
        self.decoder = layers.LSTM(u, return_sequences=True, return_state=True)
        luong = config["attention"] == "luong"
        self.query, self.key = layers.Dense(u, use_bias=False), layers.Dense(u, use_bias=False)
        self.attention = layers.Attention() if luong else layers.AdditiveAttention()
        self.combine = layers.Dense(u, activation="tanh", use_bias=False)
        self.output = layers.Dense(v)
        self._connect(u)
        self.model.compile(
            keras.optimizers.Adam(0.001, global_clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0),
        )

    def _connect(self, units: int) -> None:
        source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
        memory, states = self._encode(source)
        logits, _ = self._decode(target, states, memory, self.source_embedding.compute_mask(source))
        self.model = keras.Model([source, target], logits)
        self.encode = keras.Model(source, [memory, *states])
        given = [keras.Input((units,)) for _ in range(2)]
        stored, mask = keras.Input((None, units)), keras.Input((None,), dtype="bool")
        token = keras.Input((1,), dtype="int32")
        logits, states = self._decode(token, given, stored, mask)
        self.step = keras.Model([token, *given, stored, mask], [logits, *states])

    def _encode(self, source: Any) -> tuple[Any, list[Any]]:
        memory, *states = self.encoder(self.source_embedding(source))
        join = keras.layers.Concatenate()
        h, c = (join([states[index], states[index + 2]]) for index in (0, 1))
        return memory, [self.bridge_h(h), self.bridge_c(c)]

    def _decode(self, tokens: Any, states: Any, memory: Any, mask: Any) -> tuple[Any, list[Any]]:
        above, *states = self.decoder(self.target_embedding(tokens), initial_state=states)
        luong = self.config["attention"] == "luong"
        query = above if luong else self.query(above)
        context = self.attention([query, memory, self.key(memory)], mask=[None, mask])
        return self.output(self.combine(keras.layers.Concatenate()([context, above]))), states

    def prepare_training(self) -> Reply:
        """Open the `tf.data` stream of batches, as for `fit`."""
        self.counted = protocol.read_batches(self.folder, "plain")
        ids = tf.TensorSpec([None, None], tf.int32)

        def pairs() -> Any:
            while True:
                for source, target in self.counted:
                    yield (source, protocol.teacher(target)), target

        stream = tf.data.Dataset.from_generator(pairs, output_signature=((ids, ids), ids))
        self.stream = iter(stream.prefetch(tf.data.AUTOTUNE))
        self.model.make_train_function()
        return {}

    def train(self, first: int, steps: int, batches: str) -> Reply:
        """Train on the next batches of the stream, with the function that `fit` runs."""
        with measured() as found:
            for _ in range(steps):
                logs = self.model.train_function(self.stream)
            loss = float(logs["loss"])
        taken = protocol.take(self.counted, first, steps)
        return {**found, "loss": loss, "tokens": protocol.real_tokens(taken)}

    def prepare_search(self) -> Reply:
        """Make every output as long as its source; see `counter`."""
        for lstm in (self.encoder.forward_layer, self.decoder):
            weights = lstm.get_weights()
            counter.count(*weights)
            lstm.set_weights(weights)
        units = self.config["units"]
        for dense, row, factor in ((self.bridge_c, 0, -1.0), (self.combine, units, 1.0)):
            (kernel,) = dense.get_weights()
            counter.hand_on(kernel, row, factor)
            dense.set_weights([kernel])
        kernel, bias = self.output.get_weights()
        counter.end_by(kernel, bias, np.tanh(np.tanh(counter.STEP / 2)))
        self.output.set_weights([kernel, bias])
        return {}

    def search(self, beam: int, batches: str, by: str, limit: int | None = None) -> Reply:
        """Translate all sources in batches; always greedy, because tutorials have no beam search.

        `by` is the method to call for each token: `predict`, as in tutorials, or
        `predict_on_batch`.
        """
        sources = protocol.read_sources(self.folder)[:limit]
        cut = protocol.cut(sources, self.config["search_batch"], by_length=batches == "by_length")
        with measured() as found:
            outputs = [self._greedy(batch, by) for batch in cut]
        return {**found, "sentences": len(sources), "tokens": protocol.count_tokens(outputs)}

    def latency(self, count: int, by: str) -> Reply:
        """Run greedy search for one source at a time; `by` as in `search`."""
        sources = protocol.read_sources(self.folder)[:count]
        return protocol.one_by_one(sources, lambda ids: self._greedy(protocol.pad([ids]), by)[0])

    def _greedy(self, source: np.ndarray, by: str) -> np.ndarray:
        encode, step = PREDICTIONS[by](self.encode), PREDICTIONS[by](self.step)
        memory, *states = encode(source)
        tokens = np.full((len(source), 1), protocol.START, "int32")
        finished, chosen = np.zeros(len(source), bool), []
        for _ in range(self.config["max_length"]):
            logits, *states = step([tokens, *states, memory, source != 0])
            best = np.where(finished, protocol.PAD, logits[:, -1].argmax(-1))
            chosen.append(best)
            finished |= best == protocol.END
            if finished.all():
                break
            tokens = best[:, np.newaxis].astype("int32")
        return np.stack(chosen, axis=1)


if __name__ == "__main__":
    protocol.serve(
        (plain := Plain(protocol.settings())),
        versions={"keras": keras.__version__},
        parameters=plain.model.count_params(),
    )
