"""Read the digits in a picture: a small CNN encodes it, and its output columns are the memory.

Run `python examples/image_to_text.py FOLDER`. It trains for a minute or two and writes the exports
to FOLDER.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from keras_attention import (
    CharacterTokenizer,
    LuongAttention,
    MaskedAccuracy,
    MaskedCrossentropy,
    SearchOptions,
    Seq2Seq,
    Vocabulary,
    search,
)
from keras_attention.export.features import export_features_saved_model, export_features_tflite

# The picture of each digit has five rows of three pixels, written as octal digits from the top.
DIGITS = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717")
FONT = np.array([[[int(row) >> 2 - x & 1 for x in range(3)] for row in rows] for rows in DIGITS])
HEIGHT, WIDTH, LONGEST = 8, 16, 3
TOKENIZER = CharacterTokenizer(Vocabulary(list("0123456789")))


def draw_pictures(count, seed=0):
    """Return pictures `[count, 8, 16, 1]` of two or three digits, and these digits as texts."""
    rng = np.random.default_rng(seed)
    pictures, texts = rng.normal(0, 0.1, (count, HEIGHT, WIDTH, 1)), []
    for picture in pictures:
        digits = rng.integers(10, size=rng.integers(2, LONGEST + 1))
        left = rng.integers(0, WIDTH - 5 * len(digits) + 2)
        for place, digit in enumerate(digits):
            top, x = rng.integers(HEIGHT - 4), left + 5 * place
            picture[top : top + 5, x : x + 3, 0] += FONT[digit]
        texts.append("".join(map(str, digits)))
    return pictures.astype("float32"), texts


def make_encoder(units):
    """Return a model from pictures to a memory `[B, 16, units]`: one step for each column."""
    picture = keras.Input((HEIGHT, WIDTH, 1))
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(picture)
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    columns = keras.layers.Reshape((WIDTH, -1))(keras.layers.Permute((2, 1, 3))(x))
    return keras.Model(picture, keras.layers.Dense(units, activation="tanh")(columns))


def main(folder, count=4000, epochs=15, units=64):
    """Train, save, reload, search and export; return the model and its outputs for new pictures."""
    keras.utils.set_random_seed(1)
    pictures, texts = draw_pictures(count)
    rows = [TOKENIZER.encode(text) for text in texts]
    targets = np.array([row + [0] * (LONGEST + 1 - len(row)) for row in rows], "int32")
    shifted = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=1) * (targets > 0)

    model = Seq2Seq(
        None,  # no source vocabulary: the encoder reads the pictures
        len(TOKENIZER.vocabulary),
        source_shape=(HEIGHT, WIDTH, 1),
        encoder=make_encoder(units),
        units=units,
        embedding=16,
        attention=LuongAttention("general"),
        input_feeding=True,
    )
    optimizer = keras.optimizers.Adam(0.003)
    model.compile(optimizer, MaskedCrossentropy(), metrics=[MaskedAccuracy()])
    model.fit((pictures, shifted), targets, epochs=epochs, batch_size=64, verbose=2)

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    model = keras.models.load_model(folder / "model.keras")

    options = SearchOptions(max_length=LONGEST + 1)
    found = search(model, draw_pictures(3, seed=2)[0], options)
    export_features_saved_model(model, folder, options, target=TOKENIZER)
    export_features_tflite(model, folder / "model.tflite", options)
    return model, found


if __name__ == "__main__":
    _, found = main(sys.argv[1])
    for tokens, text in zip(np.asarray(found.tokens)[:, 0], draw_pictures(3, 2)[1], strict=True):
        print(f"{text} -> {TOKENIZER.decode(tokens)}")
