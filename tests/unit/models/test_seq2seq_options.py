"""Each setting of Seq2Seq has its effect, and steps equal teacher forcing with every setting."""

import keras
import numpy as np
import pytest
from keras import ops
from support import cases

from keras_attention import BahdanauAttention, LuongAttention, MaskedCrossentropy, Seq2Seq

SIZE, EMBEDDING = 12, 6


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    source, target = rng.integers(4, SIZE, (4, 5)), rng.integers(4, SIZE, (4, 4))
    source[1, 3:] = 0
    return source, np.concatenate([np.ones((4, 1), int), target[:, :-1]], 1), target


def make(**options):
    keras.utils.set_random_seed(1)
    model = Seq2Seq(SIZE, SIZE, units=8, embedding=EMBEDDING, **options)
    model.build()
    return model


def numpy(x):
    return ops.convert_to_numpy(x)


OPTIONS = {
    "bahdanau": {"attention": lambda: BahdanauAttention(8), "placement": "before"},
    "luong": {"attention": lambda: LuongAttention("general"), "input_feeding": True},
    "all at once": {"attention": lambda: LuongAttention("general")},
    "none": {},
}


@cases("kind", OPTIONS, elsewhere=["bahdanau", "luong"])
@cases("tie", ["none", "target", "all"], elsewhere=["all"])
def test_stepwise_equals_teacher_forced_with_deep_output_norm_and_ties(kind, tie, data):
    options = dict(OPTIONS[kind])
    if "attention" in options:
        options["attention"] = options["attention"]()
    model = make(
        deep_output=True,
        layer_norm=True,
        attention_units=EMBEDDING,
        tie_embeddings=tie,
        decoder_layers=2,
        **options,
    )
    source, target_in, _ = data
    logits, alignment = model.teacher_forced(source, target_in)
    memory, state = model.encode(source)
    for t in range(target_in.shape[1]):
        step, state, weights = model.step(target_in[:, t], state, memory)
        np.testing.assert_allclose(numpy(step), numpy(logits)[:, t], atol=1e-5)
        np.testing.assert_allclose(numpy(weights), numpy(alignment)[:, t], atol=1e-5)


def test_tied_logits_are_products_with_the_target_embeddings(data):
    model = make(attention_units=EMBEDDING, deep_output=True, tie_embeddings="all")
    assert model.source_embedding is model.target_embedding
    outputs = np.random.default_rng(1).normal(size=(2, 3, EMBEDDING)).astype("float32")
    bias = np.arange(SIZE, dtype="float32")
    model.output_bias.assign(bias)
    expected = outputs @ numpy(model.target_embedding.embeddings).T + bias
    np.testing.assert_allclose(numpy(model._logits(outputs)), expected, atol=1e-5)


def test_deep_output_depends_directly_on_the_previous_token(data):
    source, target_in, _ = data
    model = make(attention=LuongAttention("general"), deep_output=True)
    model.decoder.cell.attentional_projection.kernel.assign(
        np.concatenate([np.zeros((16, 8)), np.ones((EMBEDDING, 8))]).astype("float32")
    )
    embedded = numpy(model.target_embedding(target_in))
    outputs = np.tanh(embedded.sum(-1, keepdims=True) * np.ones(8))
    expected = numpy(model.output_projection(outputs.astype("float32")))
    np.testing.assert_allclose(numpy(model((source, target_in))), expected, atol=1e-5)


@pytest.mark.parametrize(
    "option", ["embedding_dropout", "output_dropout", "memory_dropout", "recurrent_dropout"]
)
def test_each_dropout_is_active_only_in_training(option, data):
    source, target_in, _ = data
    plain, dropped = (make(attention=BahdanauAttention(8), **rate) for rate in ({}, {option: 0.5}))
    dropped.set_weights(plain.get_weights())
    expected = numpy(plain((source, target_in), training=True))
    np.testing.assert_allclose(
        numpy(dropped((source, target_in), training=False)), expected, atol=1e-6
    )
    assert not np.allclose(numpy(dropped((source, target_in), training=True)), expected)


def test_l2_adds_the_squared_norm_of_the_matrices(data):
    source, target_in, target_out = data
    losses = []
    for l2 in (0.0, 0.01):
        model = make(attention=LuongAttention("general"), l2=l2)
        model.compile("sgd", loss=MaskedCrossentropy())
        matrices = [numpy(w) for w in model.trainable_weights if len(w.shape) > 1]
        norm = sum((matrix**2).sum() for matrix in matrices)
        losses.append(float(model.train_on_batch((source, target_in), target_out)))
    assert losses[1] - losses[0] == pytest.approx(0.01 * norm, rel=1e-3)


def test_scheduled_sampling_changes_the_logits_if_its_rate_is_above_zero(data):
    source, target_in, _ = data
    model = make(attention=LuongAttention("general"), scheduled_sampling=True)
    still = numpy(model((source, target_in), training=True))
    np.testing.assert_allclose(still, numpy(model((source, target_in))), atol=1e-6)
    model.sampler.rate.assign(1.0)
    assert not np.allclose(numpy(model((source, target_in), training=True)), still)


@cases("policy", ["mixed_float16", "mixed_bfloat16"], elsewhere=["mixed_bfloat16"])
def test_scheduled_sampling_draws_in_float32_with_every_policy(policy, data):
    source, target_in, _ = data
    model = make(attention=LuongAttention("general"), scheduled_sampling=True, dtype=policy)
    model.sampler.rate.assign(0.3)  # 16-bit dtypes cannot represent 0.3 as float32 does
    logits = model((source, target_in), training=True)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    wide = make(attention=LuongAttention("general"), scheduled_sampling=True)
    for sampler in (model.sampler, wide.sampler):
        sampler.seed_generator.state.assign([1, 2])
    wide.sampler.rate.assign(0.3)
    found, expected = model.sampler(target_in, logits), wide.sampler(target_in, logits)
    np.testing.assert_array_equal(numpy(found), numpy(expected))


def test_saving_keeps_all_options(data, tmp_path):
    source, target_in, _ = data
    model = make(
        attention=BahdanauAttention(8),
        placement="before",
        deep_output=True,
        layer_norm=True,
        attention_units=EMBEDDING,
        tie_embeddings="all",
        recurrent_dropout=0.1,
        scheduled_sampling=True,
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = numpy(model((source, target_in)))
    np.testing.assert_allclose(numpy(loaded((source, target_in))), expected, atol=1e-6)
    assert loaded.settings == model.settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tie_embeddings": "target"}, "outputs as wide as the embeddings"),
        ({"tie_embeddings": "both"}, "`tie_embeddings` must be one of"),
        (
            {"output_dropout": 1.0},
            "`output_dropout` must be a .* below 1, or None",
        ),
        (
            {"recurrent_dropout": -1.0},
            "`recurrent_dropout` must be a .* of at least 0 and",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_one_embedding_table_for_two_vocabularies_is_refused():
    with pytest.raises(ValueError, match="one joint vocabulary"):
        Seq2Seq(10, 12, units=8, embedding=8, tie_embeddings="all")
