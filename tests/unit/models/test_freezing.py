import keras
import numpy as np
import pytest

from keras_attention import BahdanauAttention, MaskedCrossentropy, Seq2Seq
from keras_attention.errors import SettingError


def make(freeze, **options):
    options = {"units": 4, "embedding": 4, "attention": BahdanauAttention(4), **options}
    model = Seq2Seq(8, 9, freeze=freeze, **options)
    model.build()
    return model


def frozen(model):
    return {layer.name for layer in model.layers if layer.weights and not layer.trainable_weights}


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        ("", set()),
        ("encoder", {"encoder"}),
        (" encoder , bridge,", {"encoder", "bridge"}),
        ("*_embedding", {"source_embedding", "target_embedding"}),
    ],
)
def test_layers_are_frozen_by_name_or_pattern_and_stay_frozen_in_a_copy(freeze, expected):
    model = make(freeze)
    assert frozen(model) == expected
    copy = Seq2Seq.from_config(model.get_config())
    copy.build()
    assert frozen(copy) == expected


def test_training_leaves_frozen_layers_bitwise_equal():
    model = make("encoder,target_embedding")
    model.compile(keras.optimizers.Adam(0.1), loss=MaskedCrossentropy(), run_eagerly=True)
    before = {weight.path: np.array(weight) for weight in model.weights}
    ids = np.random.default_rng(1).integers(4, 8, (6, 5))
    shifted = np.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    model.fit((ids, shifted), ids, verbose=0)
    for weight in model.weights:
        is_frozen = any(part in weight.path for part in ("/encoder/", "/target_embedding/"))
        assert np.array_equal(before[weight.path], weight) == is_frozen, weight.path


def test_the_error_for_an_unknown_name_lists_the_known_names():
    with pytest.raises(SettingError) as error:
        make("encoder,decodr")
    assert str(error.value) == (
        "`freeze` must name layers among target_embedding, source_embedding, encoder, bridge, "
        "decoder, output_projection. Received: 'decodr'."
    )


def test_at_least_one_layer_must_stay_trainable():
    with pytest.raises(SettingError, match="must leave a layer to train"):
        make("*")
