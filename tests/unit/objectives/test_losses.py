import keras
import numpy as np
import pytest
from keras import ops
from reference import log_softmax
from support import gradients, normal

from keras_attention import MaskedCrossentropy

TARGET = np.array([[3, 1, 2, 0], [4, 2, 0, 0], [1, 2, 0, 0]])
LOGITS = normal(3, 4, 5, seed=1, scale=2.0)
REAL = TARGET != 0
SURPRISE = -np.take_along_axis(log_softmax(LOGITS), TARGET[..., None], axis=-1)[..., 0]


def loss_of(target, logits, **options):
    return float(MaskedCrossentropy()(target, logits, **options))


def test_equals_the_mean_over_real_tokens():
    assert loss_of(TARGET, LOGITS) == pytest.approx(SURPRISE[REAL].mean(), rel=1e-6)


def test_logits_of_padding_do_not_count():
    others = np.where(REAL[..., None], LOGITS, normal(3, 4, 5, seed=2, scale=50.0))
    assert loss_of(TARGET, others) == pytest.approx(loss_of(TARGET, LOGITS), rel=1e-6)


def test_more_padding_changes_nothing():
    target = np.pad(TARGET, ((0, 0), (0, 3)))
    logits = np.concatenate([LOGITS, normal(3, 3, 5, seed=3)], axis=1)
    assert loss_of(target, logits) == pytest.approx(loss_of(TARGET, LOGITS), rel=1e-6)


@pytest.mark.parametrize("weights", [np.array([0.5, 2.0, 0.0]), normal(3, 4, seed=4) ** 2])
def test_sample_weights_apply_to_sequences_or_tokens(weights):
    tokens = np.broadcast_to(weights.reshape(3, -1), (3, 4))[REAL]
    expected = (tokens * SURPRISE[REAL]).sum() / tokens.sum()
    assert loss_of(TARGET, LOGITS, sample_weight=weights) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_padding_is_zero():
    assert loss_of(np.zeros((2, 3), int), LOGITS[:2, :3]) == 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_logits_are_summed_in_float32(dtype):
    logits = ops.cast(LOGITS, dtype)
    loss = MaskedCrossentropy()(TARGET, logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    wide = loss_of(TARGET, ops.cast(logits, "float32"))
    assert float(loss) == pytest.approx(wide, rel=1e-6)


def test_the_loss_of_an_unlikely_token_is_finite():
    logits = np.array([[[0.0, 1e4, -1e4]]], "float32")
    assert loss_of(np.array([[2]]), logits) == pytest.approx(2e4)


def test_the_gradient_is_the_probabilities_minus_the_target():
    _, (slope,) = gradients(lambda logits: MaskedCrossentropy()(TARGET, logits), [], LOGITS)
    expected = (np.exp(log_softmax(LOGITS)) - np.eye(5)[TARGET]) * REAL[..., None] / REAL.sum()
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


def smoothed(logits):
    """Return the cross-entropy with the smoothed distribution over real tokens, in float64."""
    target = 0.7 * np.eye(5)[TARGET] + 0.3 / 5
    return -(target * log_softmax(logits)).sum(-1)[REAL].mean()


def test_smoothing_is_cross_entropy_with_the_smoothed_distribution():
    loss = float(MaskedCrossentropy(label_smoothing=0.3)(TARGET, LOGITS))
    assert loss == pytest.approx(smoothed(LOGITS), rel=1e-6)


def test_the_gradient_with_smoothing_equals_finite_differences():
    smoothing = MaskedCrossentropy(label_smoothing=0.3)
    _, (slope,) = gradients(lambda logits: smoothing(TARGET, logits), [], LOGITS)
    expected = np.zeros(LOGITS.shape)
    for place in np.ndindex(LOGITS.shape):
        step = np.zeros(LOGITS.shape)
        step[place] = 1e-5
        expected[place] = (smoothed(LOGITS + step) - smoothed(LOGITS - step)) / 2e-5
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_label_smoothing_must_be_from_0_to_below_1(smoothing):
    with pytest.raises(ValueError, match=f"below 1. Received: label_smoothing={smoothing}."):
        MaskedCrossentropy(label_smoothing=smoothing)


def test_is_saved_with_its_name_and_smoothing():
    loss = MaskedCrossentropy(label_smoothing=0.3, name="surprise")
    stored = keras.saving.serialize_keras_object(loss)
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is MaskedCrossentropy
    assert (loaded.name, loaded.label_smoothing) == ("surprise", 0.3)
