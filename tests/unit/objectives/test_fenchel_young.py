"""The losses of sparse outputs and their gradients equal the definition in float64."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import by_bisection, finite_differences
from support import cases, gradients, normal

from keras_attention import MaskedCrossentropy, MaskedFenchelYoung
from keras_attention.objectives.fenchel_young import check_loss, output_loss

TARGET = np.array([[3, 1, 2, 0], [4, 2, 0, 0], [1, 2, 0, 0]])
LOGITS = normal(3, 4, 5, seed=1, scale=2.0)
REAL = TARGET != 0
MAPPINGS = {"sparsemax": (1.0, 1.0), "entmax15": (0.5, 2.0)}
ALPHAS = {"sparsemax": 2.0, "entmax15": 1.5}
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS)


def omega(p, mapping):
    """Return the negative Tsallis entropy (Peters et al. 2019)."""
    alpha = ALPHAS[mapping]
    return ((p**alpha).sum() - 1) / (alpha * (alpha - 1))


def targets(smoothing):
    return (1 - smoothing) * np.eye(5)[TARGET] + smoothing / 5


def mean_loss(logits, mapping, smoothing=0.0):
    """Return the mean of `Omega*(z) + Omega(y) - <z, y>` over real tokens (Blondel et al. 2020)."""
    total = 0.0
    for z, y in zip(logits[REAL], targets(smoothing)[REAL], strict=True):
        p = by_bisection(z, *MAPPINGS[mapping])
        total += (p @ z - omega(p, mapping)) + omega(y, mapping) - z @ y
    return total / REAL.sum()


@every_mapping
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_equals_the_definition_over_real_tokens(mapping, smoothing):
    found = float(MaskedFenchelYoung(mapping, smoothing)(TARGET, LOGITS))
    assert found == pytest.approx(mean_loss(LOGITS.astype("float64"), mapping, smoothing), rel=1e-5)


@every_mapping
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_the_probabilities_minus_the_target(mapping, smoothing):
    loss = MaskedFenchelYoung(mapping, smoothing)
    _, (slope,) = gradients(lambda logits: loss(TARGET, logits), [], LOGITS)
    p = np.apply_along_axis(by_bisection, -1, LOGITS, *MAPPINGS[mapping])
    expected = (p - targets(smoothing)) * REAL[..., None] / REAL.sum()
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)
    points = LOGITS.astype("float64")
    (numeric,) = finite_differences(lambda: mean_loss(points, mapping, smoothing), points)
    np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-5)


@every_mapping
def test_the_loss_is_zero_if_the_margin_is_large_enough_and_otherwise_positive(mapping):
    margin = 1 / (ALPHAS[mapping] - 1)
    for gap, is_zero in ((margin + 0.01, True), (margin - 0.1, False)):
        logits = gap * np.eye(5, dtype="float32")[None, [2]]
        loss = float(MaskedFenchelYoung(mapping)(np.array([[2]]), logits))
        assert loss == 0 if is_zero else loss > 1e-5


@every_mapping
def test_padding_and_a_constant_added_to_all_logits_do_not_change_the_loss(mapping):
    expected = float(MaskedFenchelYoung(mapping)(TARGET, LOGITS))
    others = np.where(REAL[..., None], LOGITS + 64, normal(3, 4, 5, seed=2, scale=50.0))
    assert float(MaskedFenchelYoung(mapping)(TARGET, others)) == pytest.approx(expected, rel=1e-5)


@every_mapping
def test_the_loss_of_an_unlikely_token_and_its_gradient_are_finite(mapping):
    logits = np.array([[[0.0, 1e4, -1e4]]], "float32")
    loss, (slope,) = gradients(
        lambda x: MaskedFenchelYoung(mapping)(np.array([[2]]), x), [], logits
    )
    assert loss == pytest.approx(2e4)
    np.testing.assert_allclose(slope, [[[0, 1, -1]]], atol=1e-6)


@cases("dtype", ["float16", "bfloat16"], elsewhere=["bfloat16"])
def test_16_bit_logits_are_summed_in_float32(dtype):
    logits = ops.cast(LOGITS, dtype)
    loss = MaskedFenchelYoung("entmax15")(TARGET, logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    wide = MaskedFenchelYoung("entmax15")(TARGET, ops.cast(logits, "float32"))
    assert float(loss) == pytest.approx(float(wide), rel=1e-6)


def test_is_saved_with_its_mapping_name_and_smoothing():
    loss = MaskedFenchelYoung("entmax15", label_smoothing=0.3, name="sparse")
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(loaded) is MaskedFenchelYoung
    assert (loaded.mapping, loaded.name, loaded.label_smoothing) == ("entmax15", "sparse", 0.3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("softmax",),
            r"`mapping` must be one of 'sparsemax', 'entmax15'\. Received: mapping='sof",
        ),
        (("sparsemax", 1.0), r"below 1\. Received: label_smoothing=1\.0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaskedFenchelYoung(*arguments)


def test_logits_must_have_one_axis_more_than_the_target():
    with pytest.raises(ValueError, match="one axis more"):
        MaskedFenchelYoung("sparsemax")(TARGET, LOGITS[:, 0])


@pytest.mark.parametrize("mapping", ["softmax", *MAPPINGS])
def test_each_mapping_accepts_only_one_of_the_librarys_losses(mapping):
    for other in ("softmax", *MAPPINGS):
        loss = output_loss(other, 0.1)
        assert (loss.mapping, loss.label_smoothing) == (other, 0.1)
        if other == mapping:
            check_loss(loss, mapping)
            continue
        with pytest.raises(ValueError, match=f"for a model with output_mapping='{mapping}'"):
            check_loss(loss, mapping)


def test_only_a_softmax_output_accepts_losses_of_other_classes():
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for loss in (logits, keras.losses.MeanSquaredError(), "mse"):
        check_loss(loss, "softmax")
        with pytest.raises(ValueError, match=r"must be MaskedFenchelYoung\('sparsemax'\) for"):
            check_loss(loss, "sparsemax")
    check_loss(None, "sparsemax")
    for loss in (
        "sparse_categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(),
        keras.losses.CategoricalCrossentropy(),
    ):
        with pytest.raises(ValueError, match="`loss` must read logits, which a Seq2Seq returns"):
            check_loss(loss, "softmax")
    assert type(output_loss("softmax")) is MaskedCrossentropy
