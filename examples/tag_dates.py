"""Tag each character of a date as part of the year, the month or the day, or as none of them.

Run `python examples/tag_dates.py`. It trains for about 20 seconds. Each character attends to the
whole date, because only the other characters show that the first number of "3/5/03" is a month.
"""

import keras
import numpy as np

from keras_attention import CharacterTokenizer, LuongAttention, Vocabulary
from keras_attention.training.tasks.dates import generate_dates
from keras_attention.training.tasks.known_alignments import known_alignments

TAGS = ".ymd"
PLACES = "yyyy.mm.dd"  # the tag of each character of an ISO date


def make_dates(count, seed=0):
    """Return dates as texts, and for each a string with the tags of its characters."""
    pairs = generate_dates(count, seed)
    texts, tagged = [text for text, _ in pairs], [["."] * len(text) for text, _ in pairs]
    for text, tags, gold in zip(texts, tagged, known_alignments("dates", pairs), strict=True):
        for source, target in gold.possible:
            if (source, target) in gold.sure or text[source].isalpha():  # the name of a month
                tags[source] = PLACES[target]
    return texts, ["".join(tags) for tags in tagged]


def make_model(tokens, units=32):
    """Return a tagger: a bidirectional LSTM whose states attend to each other."""
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(tokens, units, mask_zero=True)(ids)
    states = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))(embedded)
    context, _ = LuongAttention("general")(states, states)
    logits = keras.layers.Dense(len(TAGS))(keras.layers.Concatenate()([states, context]))
    return keras.Model(ids, logits)


def main(count=4000, epochs=3):
    """Train; return the tokenizer, the model, and the accuracy on the characters of new dates."""
    keras.utils.set_random_seed(1)
    texts, tags = make_dates(count)
    tokenizer = CharacterTokenizer(Vocabulary.build(map(list, texts)))
    model = make_model(len(tokenizer.vocabulary))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, weighted_metrics=["accuracy"])
    model.fit(*encode(tokenizer, texts, tags), epochs=epochs, batch_size=64, verbose=2)
    _, accuracy = model.evaluate(*encode(tokenizer, *make_dates(500, seed=2)), verbose=0)
    return tokenizer, model, accuracy


def encode(tokenizer, texts, tags):
    """Return ids and tags, padded with 0. The ids end with </s>, which has the tag `.`."""
    ids = keras.utils.pad_sequences([tokenizer.encode(text) for text in texts], padding="post")
    places = [[TAGS.index(tag) for tag in row] for row in tags]
    return ids, keras.utils.pad_sequences(places, maxlen=ids.shape[1], padding="post")


if __name__ == "__main__":
    tokenizer, model, accuracy = main()
    print(f"accuracy on the characters of 500 new dates: {accuracy:.3f}")
    for text in ("sunday, may 5, 2002", "9/27/94"):
        ids, _ = encode(tokenizer, [text], [""])
        tags = np.argmax(model.predict(ids, verbose=0)[0], axis=-1)
        print(text, "->", "".join(TAGS[tag] for tag in tags[: len(text)]))
