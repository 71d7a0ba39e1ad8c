"""Tell the month of a date such as "sunday, may 5, 2002", with attention over its characters.

Run `python examples/classify_dates.py`. It trains for a few seconds, and then shows for two dates
which characters the model attends to.
"""

import keras
import numpy as np

from keras_attention import AttentionPooling, BahdanauAttention, CharacterTokenizer, Vocabulary
from keras_attention.training.tasks.dates import generate_dates


def make_dates(count, seed=0):
    """Return dates as texts and their months, counted from 0."""
    pairs = generate_dates(count, seed)
    return [source for source, _ in pairs], np.array([int(iso[5:7]) - 1 for _, iso in pairs])


def make_model(tokens, units=32):
    """Return a classifier, and a model that returns its attention."""
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(tokens, units)(ids)
    states = keras.layers.Conv1D(units, 5, padding="same", activation="relu")(embedded)
    pool = AttentionPooling(BahdanauAttention(units))
    pooled, alignment = pool(states, mask=keras.ops.not_equal(ids, 0), return_alignment=True)
    months = keras.layers.Dense(12)(pooled)
    return keras.Model(ids, months), keras.Model(ids, alignment)


def main(count=4000, epochs=4):
    """Train; return the tokenizer, the attention model, and the accuracy on new dates."""
    keras.utils.set_random_seed(1)
    texts, months = make_dates(count)
    tokenizer = CharacterTokenizer(Vocabulary.build(map(list, texts)))
    classifier, attention = make_model(len(tokenizer.vocabulary))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    classifier.fit(encode(tokenizer, texts), months, epochs=epochs, batch_size=64, verbose=2)
    new_texts, new_months = make_dates(500, seed=2)
    _, accuracy = classifier.evaluate(encode(tokenizer, new_texts), new_months, verbose=0)
    return tokenizer, attention, accuracy


def encode(tokenizer, texts):
    """Return the ids of texts, padded with 0."""
    return keras.utils.pad_sequences([tokenizer.encode(text) for text in texts], padding="post")


if __name__ == "__main__":
    tokenizer, attention, accuracy = main()
    print(f"accuracy on 500 new dates: {accuracy:.3f}")
    for text in ("sunday, may 5, 2002", "9/27/94"):
        weights = attention.predict(encode(tokenizer, [text]), verbose=0)[0]
        shown = [
            f"{c}:{weight:.2f}"
            for c, weight in zip(text, weights[:-1], strict=True)
            if weight > 0.05
        ]
        print(text, "->", " ".join(shown))
