"""Describe a sensor's readings in words: from floats [B, S, F] to tokens, with attention over time.

Run `python examples/time_series.py FOLDER`. It trains for less than a minute and writes the exports
to FOLDER.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from keras_attention import (
    BahdanauAttention,
    MaskedAccuracy,
    MaskedCrossentropy,
    SearchOptions,
    Seq2Seq,
    Vocabulary,
    WordTokenizer,
    search,
)
from keras_attention.export.features import export_features_saved_model, export_features_tflite

SLOPES = {"falls": -1.0, "rests": 0.0, "rises": 1.0}
WORDS, STEPS = 3, 8  # each word describes eight readings
TOKENIZER = WordTokenizer(Vocabulary(list(SLOPES)))


def make_series(count, seed=0):
    """Return readings `[count, 24, 1]` and their descriptions, such as "rises rests falls"."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(SLOPES), size=(count, WORDS))
    slopes = np.repeat(np.array(list(SLOPES.values()))[drawn], STEPS, axis=1)
    series = np.cumsum(slopes, axis=1) / STEPS + rng.normal(0, 0.05, slopes.shape)
    texts = [" ".join(np.array(list(SLOPES))[row]) for row in drawn]
    return series[..., np.newaxis].astype("float32"), texts


def main(folder, count=2000, epochs=8, units=32):
    """Train, save, reload, search and export; return the model and its outputs for new readings."""
    keras.utils.set_random_seed(1)
    series, texts = make_series(count)
    targets = np.array([TOKENIZER.encode(text) for text in texts], "int32")
    shifted = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=1)  # start with <s>

    model = Seq2Seq(
        None,  # no source vocabulary: the encoder reads the floats
        len(TOKENIZER.vocabulary),
        source_shape=(None, 1),
        rnn="gru",
        units=units,
        embedding=16,
        attention=BahdanauAttention(units),
    )
    optimizer = keras.optimizers.Adam(0.01)
    model.compile(optimizer, MaskedCrossentropy(), metrics=[MaskedAccuracy()])
    model.fit((series, shifted), targets, epochs=epochs, batch_size=64, verbose=2)

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    model = keras.models.load_model(folder / "model.keras")

    options = SearchOptions(max_length=WORDS + 1, beam_width=2)
    found = search(model, make_series(3, seed=2)[0], options)
    export_features_saved_model(model, folder, options, target=TOKENIZER)
    export_features_tflite(model, folder / "model.tflite", options, steps=WORDS * STEPS)
    return model, found


if __name__ == "__main__":
    _, found = main(sys.argv[1])
    for tokens, text in zip(np.asarray(found.tokens)[:, 0], make_series(3, seed=2)[1], strict=True):
        print(f"{text} -> {TOKENIZER.decode(tokens)}")
