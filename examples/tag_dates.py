"""Tag each character of a date as part of the year, the month or the day, or as none of them.

Run `python examples/tag_dates.py`. It trains for about 20 seconds. Each character attends to the
whole date, because only the other characters show that the first number of "3/5/03" is a month.
"""

import re

import keras

from keras_attention import CharacterTokenizer, LuongAttention, Vocabulary
from keras_attention.training.tasks.dates import generate_dates

TAGS = ".ymd"


def tag(text):
    """Return the right tags of a date, such as "m.dd.yy" for "9/27/94"."""
    found, tags = re.search(r"(\w+)[ /](\d+)\D+(\d+)$", text), ["."] * len(text)
    for number, letter in enumerate("mdy", start=1):
        start, end = found.span(number)
        tags[start:end] = letter * (end - start)
    return "".join(tags)


def encode(tokenizer, texts):
    """Return the ids of texts, padded with 0."""
    return keras.utils.pad_sequences([tokenizer.encode(text) for text in texts], padding="post")


def main(count=4000, epochs=3):
    """Train; return the tokenizer, the model, and the accuracy on the characters of new dates."""
    keras.utils.set_random_seed(1)
    texts = [text for text, _ in generate_dates(count + 500, seed=0)]
    tokenizer = CharacterTokenizer(Vocabulary.build(map(list, texts)))
    x, tags = encode(tokenizer, texts), [[TAGS.index(letter) for letter in tag(t)] for t in texts]
    y = keras.utils.pad_sequences(tags, maxlen=x.shape[1], padding="post")

    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(len(tokenizer.vocabulary), 32, mask_zero=True)(ids)
    states = keras.layers.Bidirectional(keras.layers.LSTM(32, return_sequences=True))(embedded)
    context, _ = LuongAttention("general")(states, states)
    joined = keras.layers.Concatenate()([states, context])
    model = keras.Model(ids, keras.layers.Dense(len(TAGS), activation="softmax")(joined))

    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(0.01), loss, weighted_metrics=["accuracy"])
    model.fit(x[:count], y[:count], epochs=epochs, batch_size=64, verbose=2)
    return tokenizer, model, model.evaluate(x[count:], y[count:], verbose=0)[1]


if __name__ == "__main__":
    tokenizer, model, accuracy = main()
    print(f"accuracy on the characters of 500 new dates: {accuracy:.3f}")
    for text in ("sunday, may 5, 2002", "9/27/94"):
        tags = model.predict(encode(tokenizer, [text]), verbose=0)[0].argmax(-1)
        print(text, "->", "".join(TAGS[tag] for tag in tags[: len(text)]))
