"""Tests of custom encoders and decoder cells in a `Seq2Seq`, and of sources that are not ids."""

import keras
import numpy as np
import pytest
from keras import ops
from support import assert_close, normal, to_numpy

from keras_attention import (
    AttentionCell,
    BahdanauAttention,
    LuongAttention,
    MaskedCrossentropy,
    Seq2Seq,
    search,
)

FEATURES = normal(2, 6, 3, seed=1)
FEATURES[1, 3:] = 0
IDS = np.array([[5, 6, 7, 3, 8, 2], [4, 9, 2, 0, 0, 0]])
TARGET = np.array([[1, 5, 4, 6], [1, 7, 4, 0]])


@keras.saving.register_keras_serializable(package="tests")
class Halving(keras.layers.Layer):
    """An encoder that runs a GRU over every second step, and also returns the final state."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gru = keras.layers.GRU(units, return_sequences=True, return_state=True)

    def build(self, shape):
        self.gru.build(shape)

    def call(self, inputs, mask=None):
        memory, state = self.gru(inputs[:, ::2], mask=self.compute_mask(inputs, mask))
        return memory, ((state,),)

    def compute_mask(self, inputs, mask=None):
        return mask[:, ::2]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model(**settings):
    sources = None if "source_shape" in settings else 10
    return Seq2Seq(sources, 8, **{"units": 6, "embedding": 4, **settings})


SOURCES = {
    "features": FEATURES,
    "custom encoder of features": FEATURES,
    "custom encoder and cell": IDS,
    "images": normal(2, 4, 5, 1, seed=2),
    "ids that the encoder embeds": IDS,
}


def make_settings(name):
    """Return the settings of a model for one of the `SOURCES`, with new layers."""
    general, layers = LuongAttention("general"), keras.layers
    return {
        "features": {"source_shape": (None, 3), "attention": BahdanauAttention(5)},
        "custom encoder of features": {
            "source_shape": (None, 3),
            "encoder": Halving(5),
            "attention": general,
        },
        "custom encoder and cell": {
            "encoder": Halving(5),
            "decoder": AttentionCell(7, general, layers=2, rnn="gru"),
        },
        "images": {
            "source_shape": (4, 5, 1),
            "encoder": keras.Sequential(
                [layers.Conv2D(3, 2, padding="same"), layers.Reshape((20, 3))]
            ),
            "attention": general,
        },
        "ids that the encoder embeds": {
            "source_shape": (None,),
            "encoder": layers.Embedding(10, 4, mask_zero=True),
            "attention": general,
        },
    }[name]


@pytest.mark.parametrize("name", list(SOURCES))
def test_saved_models_return_the_same_results(name, tmp_path):
    source, model = SOURCES[name], make_model(**make_settings(name))
    logits = model((source, TARGET))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded((source, TARGET)), logits)
    for found, again in zip(
        *(search(m, source, max_length=4) for m in (model, loaded)), strict=True
    ):
        assert_close(again, found)
    assert type(loaded.encoder) is type(model.encoder)


def test_fit_trains_every_weight():
    model = make_model(**make_settings("custom encoder of features"))
    model.build()
    before = to_numpy(model.trainable_variables)
    model.compile("sgd", MaskedCrossentropy())
    model.fit((FEATURES, TARGET), np.array([[5, 4, 6, 2], [7, 4, 2, 0]]), verbose=0)
    for old, new, variable in zip(
        before, to_numpy(model.trainable_variables), model.trainable_variables, strict=True
    ):
        assert np.any(old != new), variable.path


def test_steps_of_zeros_are_padding():
    model = make_model(source_shape=(None, 3), attention=BahdanauAttention(5), rnn="gru")
    longer = np.pad(FEATURES, ((0, 0), (0, 4), (0, 0)))
    assert_close(model((longer, TARGET)), model((FEATURES, TARGET)))
    memory, _ = model.encode(FEATURES)
    assert to_numpy(memory.mask).sum(axis=1).tolist() == [6, 3]


def test_the_encoders_compute_mask_masks_the_memory():
    memory, _ = make_model(**make_settings("custom encoder of features")).encode(FEATURES)
    assert to_numpy(memory.mask).tolist() == [[True] * 3, [True, True, False]]


def test_images_have_no_padding():
    memory, _ = make_model(**make_settings("images")).encode(np.zeros((2, 4, 5, 1), "float32"))
    assert to_numpy(memory.mask).all() and memory.mask.shape == (2, 20)


def test_the_final_state_defaults_to_the_mean_of_the_memory():
    model = make_model(**make_settings("ids that the encoder embeds"), bridge="copy", units=4)
    memory, state = model.encode(IDS)
    real = to_numpy(memory.mask)[..., None]
    mean = (to_numpy(memory.values) * real).sum(axis=1) / real.sum(axis=1)
    for part in state.layers[0]:
        assert_close(part, mean)


class Broken(keras.layers.Layer):
    def __init__(self, answer):
        super().__init__()
        self.answer, self.supports_masking = answer, True

    def call(self, inputs, mask=None):
        return self.answer(inputs)


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda x: x[:, 0], r"must return a memory \[B, S, D\].*shape \(None, 3\)"),
        (lambda x: (x, (x[:, 0],)), r"one tuple of tensors for each layer, such as \(\(h, c\),\)"),
        (lambda x: x[:, ::2], r"must define `compute_mask`\. .*6 steps for a memory of 3"),
    ],
)
def test_an_encoder_that_returns_something_else_is_refused(answer, message):
    model = make_model(source_shape=(6, 3), encoder=Broken(answer), attention=LuongAttention())
    with pytest.raises(ValueError, match=message):
        model.encode(ops.convert_to_tensor(FEATURES))


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"source_shape": (None, 3), "copying": True}, ValueError, "`copying` requires token ids"),
        ({"encoder": keras.losses.MeanSquaredError()}, TypeError, "`encoder` must be a Layer"),
        ({"decoder": keras.layers.Dense(2)}, TypeError, "`decoder` must be a DecoderCell"),
        ({"encoder": "elman"}, ValueError, "`encoder` must be one of .*, or a Keras layer"),
        (
            {"decoder": AttentionCell(4), "deep_output": True, "attention": None},
            ValueError,
            "`deep_output` must be false with decoder=.*a custom cell",
        ),
        (
            {"decoder": AttentionCell(4)},
            ValueError,
            "`attention` must be None with a custom decoder cell",
        ),
    ],
)
def test_wrong_layers_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        make_model(**{"attention": LuongAttention(), **settings})


def test_a_source_needs_either_a_vocabulary_or_a_shape():
    for sizes in ({"source_vocabulary_size": None}, {"source_shape": (None, 3)}):
        with pytest.raises(ValueError, match=r"`source_shape` must be given, such as \(None, 13\)"):
            Seq2Seq(**{"source_vocabulary_size": 9, "target_vocabulary_size": 8, **sizes})


def test_a_source_with_a_wrong_number_of_axes_is_refused():
    model = make_model(source_shape=(None, 3), attention=LuongAttention())
    with pytest.raises(ValueError, match=r"`source` must be features \[B, \*\(None, 3\)\]"):
        model.encode(IDS)
