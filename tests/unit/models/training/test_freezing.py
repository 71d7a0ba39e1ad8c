from operator import attrgetter

import keras
import numpy as np
import pytest

from keras_attention import BahdanauAttention, MaskedCrossentropy, Seq2Seq
from keras_attention.errors import SettingError
from keras_attention.fast.fused_adam import FusedAdam
from keras_attention.models.training.freezing import read_rates, variable_rates


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


def test_the_variables_of_named_layers_have_their_factor_on_the_learning_rate():
    model = make("bridge")
    rates = variable_rates(model, "*=0.5, encoder=0.1, *_embedding=0, decoder=1")
    expected = {"encoder": 0.1, "source_embedding": 0, "target_embedding": 0, "decoder": 1}
    expected["output_projection"] = 0.5
    for name, factor in expected.items():
        paths = {weight.path for weight in getattr(model, name).trainable_weights}
        found = {
            rate
            for rate, variable in zip(rates, model.trainable_variables, strict=True)
            if variable.path in paths
        }
        assert found == {factor}, name
    assert variable_rates(model, "") == ()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"encoder_layers": 2, "decoder_layers": 2, "copying": True},
        {"attention": None, "freeze": "bridge"},
        {"tie_embeddings": "target", "scheduled_sampling": True},
        {"encoder": "transformer", "decoder": "transformer", "heads": 2, "max_target_length": 5},
    ],
)
def test_a_saved_model_keeps_the_factor_of_each_variable(options, tmp_path):
    rates = "encoder=0.25, decoder=0.5, target_embedding=0"
    model = make(**{"freeze": "", "attention_units": 4, **options})
    model.compile(FusedAdam(0.1, rates=variable_rates(model, rates)), loss=MaskedCrossentropy())
    model.optimizer.build(model.trainable_variables)
    for number, weight in enumerate(model.weights + model.optimizer.variables):
        if weight.dtype == "float32" and weight.path.rpartition("/")[2] != "learning_rate":
            weight.assign(keras.ops.full(weight.shape, number + 1.0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(set(model.optimizer.rates)) == 4
    assert loaded.optimizer.rates == model.optimizer.rates == variable_rates(loaded, rates)
    for name in ("trainable_variables", "optimizer.variables"):
        before, after = (attrgetter(name)(each) for each in (model, loaded))
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(old, new)


def test_training_changes_a_layer_in_proportion_to_its_factor():
    def change(rates):
        keras.utils.set_random_seed(1)
        model = make("")
        model.compile(
            FusedAdam(0.1, rates=variable_rates(model, rates)),
            loss=MaskedCrossentropy(),
            run_eagerly=True,
        )
        before = [np.array(weight) for weight in model.trainable_weights]
        ids = np.random.default_rng(1).integers(4, 8, (6, 5))
        shifted = np.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=1)
        model.fit((ids, shifted), ids, verbose=0)
        after = [np.array(weight) for weight in model.trainable_weights]
        paths = [weight.path.split("/")[1] for weight in model.trainable_weights]
        return [(path, new - old) for path, new, old in zip(paths, after, before, strict=True)]

    factors = {"encoder": 0.25, "target_embedding": 0}
    slow = change("encoder=0.25, target_embedding=0")
    for (path, plain), (_, scaled) in zip(change(""), slow, strict=True):
        np.testing.assert_allclose(scaled, factors.get(path, 1) * plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "rates",
    ["encoder", "encoder=", "=1", "encoder=x", "encoder=-1", "encoder=inf", "bridge=1,bridge=2"],
)
def test_factors_that_are_not_understood_are_refused(rates):
    with pytest.raises(SettingError, match="`rates` must be items such as encoder=0.1, separated"):
        read_rates(rates)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ("encodr=1", "`rates` must name layers among .*decoder.* Received: 'encodr'."),
        ("bridge=1", "`rates` must name layers among "),  # it is frozen
        ("*=0", "`rates` must leave a layer to train"),
    ],
)
def test_factors_of_layers_that_are_not_trained_are_refused(rates, message):
    with pytest.raises(SettingError, match=message):
        variable_rates(make("bridge"), rates)
