import numpy as np
import pytest

from keras_attention import BahdanauAttention, Seq2Seq
from keras_attention.decoding.search import search
from keras_attention.errors import InputError
from keras_attention.training.assembly.start_weights import start_from

SIZES = (9, 11)
LARGER = (12, 15)
GROWN = [
    [[id_] for id_ in range(old)] + [[]] * (new - old)
    for old, new in zip(SIZES, LARGER, strict=True)
]
SAME = [[[id_] for id_ in range(size)] for size in SIZES]
KINDS = {
    "separate": {},
    "tied": {"tie_embeddings": "target", "attention_units": 6},
    "copying": {"copying": True},
    "two layers": {"encoder_layers": 2, "decoder_layers": 2},
    "transformer": {"encoder": "transformer", "decoder": "transformer", "max_target_length": 9},
}


def make(sizes, seed, **options):
    attention = BahdanauAttention(6)
    options = {"units": 8, "embedding": 6, "attention": attention, "heads": 2, **options}
    model = Seq2Seq(*sizes, **options)
    model.build()
    draw = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(draw.normal(size=weight.shape))
    return model


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_outputs_stay_the_same_after_the_vocabularies_grow(options):
    trained, model = make(SIZES, 1, **options), make(LARGER, 2, **options)
    if "copying" in options:
        trained.copy_output.set_targets([0, 1, 2, 3, 4, 5, 6, 3, 3])
        model.copy_output.set_targets([0, 1, 2, 3, 4, 5, 6, 3, 3, 11, 12, 3])
    start_from(model, trained, GROWN)
    source = np.random.default_rng(3).integers(4, SIZES[0], (20, 5))
    before, after = (
        np.asarray(search(each, source, max_length=7).tokens) for each in (trained, model)
    )
    np.testing.assert_array_equal(before, after)
    target = np.random.default_rng(4).integers(4, SIZES[1], (20, 6))
    old, new = (np.asarray(each((source, target))) for each in (trained, model))
    if "copying" not in options:  # with copying, more tokens share a sum of 1
        np.testing.assert_allclose(new[..., : SIZES[1]], old, atol=1e-4)
    assert (new[..., SIZES[1] :].max(-1) < old.max(-1)).all()


def test_new_rows_are_the_mean_of_the_known_tokens():
    trained, model = make(SIZES, 1), make(LARGER, 2)
    start_from(model, trained, GROWN)
    for name, size in (("source_embedding", SIZES[0]), ("target_embedding", SIZES[1])):
        old, new = (np.asarray(getattr(each, name).embeddings) for each in (trained, model))
        np.testing.assert_array_equal(new[:size], old)
        np.testing.assert_allclose(new[size:], np.tile(old[4:].mean(0), (len(new) - size, 1)))
    kernel, bias = (np.asarray(weight) for weight in model.output_projection.weights)
    old = np.asarray(trained.output_projection.kernel)
    np.testing.assert_allclose(kernel[:, -1], old[:, 4:].mean(1), rtol=1e-6)
    np.testing.assert_allclose(
        bias[-1], np.asarray(trained.output_projection.bias)[4:].mean(), rtol=1e-6
    )


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_replaced_tokens_start_from_their_origins_and_all_other_weights_stay(options):
    """If only the order of the tokens differs, the model computes the same on reordered ids."""
    trained, model = make(SIZES, 1, **options), make(SIZES, 2, **options)
    orders = [
        np.concatenate([np.arange(4), 4 + np.random.default_rng(size).permutation(size - 4)])
        for size in SIZES
    ]
    places = [np.argsort(order) for order in orders]
    if "copying" in options:
        copied = np.array([0, 1, 2, 3, 4, 5, 6, 3, 3])
        trained.copy_output.set_targets(copied)
        model.copy_output.set_targets(places[1][copied[orders[0]]])
    start_from(model, trained, [[[id_] for id_ in order] for order in orders])
    draw = np.random.default_rng(3)
    source, target = (draw.integers(4, size, (20, 5)) for size in SIZES)
    expected = np.asarray(trained((source, target)))
    found = np.asarray(model((places[0][source], places[1][target])))
    np.testing.assert_allclose(found, expected[..., orders[1]], atol=1e-4)


def test_a_merged_token_starts_at_the_mean_of_its_parts():
    trained, model = make(SIZES, 1), make((6, 6), 2)
    start_from(model, trained, [[*SAME[0][:4], [5, 7], [8]], [*SAME[1][:4], [4, 6, 9], [5]]])
    old, new = (np.asarray(each.source_embedding.embeddings) for each in (trained, model))
    np.testing.assert_allclose(new[4:], [(old[5] + old[7]) / 2, old[8]], rtol=1e-6)
    old, new = (np.asarray(each.output_projection.kernel) for each in (trained, model))
    np.testing.assert_allclose(new[:, 4], old[:, [4, 6, 9]].mean(1), rtol=1e-5)
    np.testing.assert_array_equal(new[:, 5], old[:, 5])


@pytest.mark.parametrize(
    ("freeze", "rates", "reported"),
    [
        ("source_embedding,decoder", "", ["source_embedding"]),
        ("decoder", "*_embedding=0, target_embedding=0.1", ["source_embedding"]),
        ("source_embedding", "target_embedding=0", ["source_embedding", "target_embedding"]),
        ("", "*_embedding=0.5", []),
    ],
)
def test_new_tokens_that_training_does_not_change_are_reported(freeze, rates, reported, caplog):
    start_from(make(LARGER, 2, freeze=freeze), make(SIZES, 1), GROWN, rates)
    assert sorted(message.partition("/")[0] for message in caplog.messages) == reported
    for text in caplog.messages:
        assert "training.freeze, or a factor of 0 in training.rates, keeps" in text
        assert f"{3 if 'source' in text else 4} new tokens at the mean" in text


def test_the_warning_tells_values_of_features_from_tokens(caplog):
    trained, model = (
        make(SIZES, 1, source_features=(size,), freeze="feature_embedding") for size in (6, 8)
    )
    start_from(model, trained, [*SAME, [*SAME[0][:6], [], []]])
    (text,) = caplog.messages
    assert text.startswith("feature_embedding/feature_0/embeddings: ") and "2 new values at" in text


def test_only_one_of_the_models_may_have_a_sampler():
    trained = make(SIZES, 1, scheduled_sampling=True)
    model = make(SIZES, 2)
    start_from(model, trained, SAME)
    np.testing.assert_array_equal(
        model.target_embedding.embeddings, trained.target_embedding.embeddings
    )


def test_models_that_differ_are_refused():
    with pytest.raises(InputError, match="must have the layers"):
        start_from(make(SIZES, 1), make(SIZES, 1, bridge="zero"), SAME)
    with pytest.raises(InputError, match="must have the shape"):
        start_from(make(SIZES, 1), make(SIZES, 1, units=10), SAME)
