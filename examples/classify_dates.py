"""Tell the month of a date such as "sunday, may 5, 2002", with attention over its characters.

Run `python examples/classify_dates.py`. It trains for a few seconds, and then shows for two dates
which characters the model attends to.
"""

import keras
import numpy as np

from keras_attention import AttentionPooling, BahdanauAttention, CharacterTokenizer, Vocabulary
from keras_attention.training.tasks.dates import generate_dates


def encode(tokenizer, texts):
    """Return the ids of texts, padded with 0."""
    return keras.utils.pad_sequences([tokenizer.encode(text) for text in texts], padding="post")


def main(count=4000, epochs=4):
    """Train; return the tokenizer, the attention model, and the accuracy on 500 new dates."""
    keras.utils.set_random_seed(1)
    texts, isos = zip(*generate_dates(count + 500, seed=0), strict=True)
    tokenizer = CharacterTokenizer(Vocabulary.build(map(list, texts)))
    x, y = encode(tokenizer, texts), np.array([int(iso[5:7]) - 1 for iso in isos])

    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(len(tokenizer.vocabulary), 32)(ids)
    states = keras.layers.Conv1D(32, 5, padding="same", activation="relu")(embedded)
    pool = AttentionPooling(BahdanauAttention(32))
    pooled, alignment = pool(states, mask=keras.ops.not_equal(ids, 0), return_alignment=True)
    classifier = keras.Model(ids, keras.layers.Dense(12, activation="softmax")(pooled))
    attention = keras.Model(ids, alignment)

    loss = keras.losses.SparseCategoricalCrossentropy()
    classifier.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    classifier.fit(x[:count], y[:count], epochs=epochs, batch_size=64, verbose=2)
    return tokenizer, attention, classifier.evaluate(x[count:], y[count:], verbose=0)[1]


if __name__ == "__main__":
    tokenizer, attention, accuracy = main()
    print(f"accuracy on 500 new dates: {accuracy:.3f}")
    for text in ("sunday, may 5, 2002", "9/27/94"):
        weights = attention.predict(encode(tokenizer, [text]), verbose=0)[0]
        pairs = zip(text, weights[:-1], strict=True)  # without </s>
        print(text, "->", " ".join(f"{c}:{weight:.2f}" for c, weight in pairs if weight > 0.05))
