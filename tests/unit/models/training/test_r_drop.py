"""R-Drop makes two passes over each batch with different dropout, and adds a consistency loss."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import softmax
from support import BACKEND, assert_close, randomize

from keras_attention import BahdanauAttention, MaskedAccuracy, MaskedCrossentropy, Seq2Seq

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0]], "int32")
POINTERS = np.zeros((2, 3, 4), "float32")
POINTERS[1, 0, 0] = 1
GUIDE = np.full((2, 3, 4), 0.25, "float32")

NO_DROPS = {"dropout": 1e-9}
"""A rate so small that nothing is dropped."""

MODELS = {
    "plain": {},
    "copying with alignment losses": {
        "copying": True,
        "coverage_loss": 0.7,
        "guided_alignment": 0.3,
        "l2": 0.01,
    },
    "mixed precision": {"dtype": "mixed_bfloat16"},
}


def make(smoothing=0.0, accumulate=None, **options):
    keras.utils.set_random_seed(1)
    model = Seq2Seq(7, 6, units=4, embedding=3, attention=BahdanauAttention(4), **options)
    model.build()
    if options.get("copying"):
        model.copy_output.set_targets([0, 1, 2, 3, 4, 5, 3])
    model.compile(
        keras.optimizers.SGD(0.5, gradient_accumulation_steps=accumulate),
        MaskedCrossentropy(label_smoothing=smoothing),
        weighted_metrics=[MaskedAccuracy()],
        run_eagerly=BACKEND != "jax",
    )
    return model


def inputs(options):
    given = [
        x for x, name in ((POINTERS, "copying"), (GUIDE, "guided_alignment")) if name in options
    ]
    return (SOURCE, TARGET_IN, *given)


@pytest.mark.parametrize("name", MODELS)
def test_training_equals_ordinary_training_if_nothing_is_dropped(name):
    options, weights = MODELS[name], np.array([[1.0, 2.0, 1.0], [0.5, 1.0, 1.0]])
    accumulate = 2 if name == "plain" else None
    logs, trained = [], []
    for more in ({}, {"r_drop": 2.0}):
        model = make(0.1, accumulate, **options, **NO_DROPS, **more)
        fitted = model.fit(inputs(options), TARGET_OUT, 2, 2, verbose=0, sample_weight=weights)
        logs.append(fitted.history)
        trained.append(model.get_weights())
    tolerance = 1e-2 if name == "mixed precision" else 1e-5
    for name, values in logs[0].items():
        assert logs[1][name] == pytest.approx(values, rel=tolerance)
    for actual, expected in zip(*trained, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def test_the_loss_is_the_mean_crossentropy_plus_the_weighted_consistency_of_two_passes():
    model = randomize(make(r_drop=0.7, dropout=0.5), scale=2.0)
    both = model((SOURCE, TARGET_IN), training=True)
    assert both.shape == (2, 2, 3, 6)
    loss = model.compute_loss((SOURCE, TARGET_IN), ops.convert_to_tensor(TARGET_OUT), both)
    loss = float(ops.convert_to_numpy(loss))
    first, second = softmax(ops.convert_to_numpy(both).astype("float64"))
    real = TARGET_OUT > 0
    chosen = [np.take_along_axis(p, TARGET_OUT[..., None], -1)[..., 0] for p in (first, second)]
    crossentropy = -np.mean([np.log(p[real]).mean() for p in chosen])
    divergences = ((first - second) * np.log(first / second)).sum(-1)
    assert divergences[real].mean() > 0.01
    expected = crossentropy + 0.7 * divergences[real].mean() / 2
    assert loss == pytest.approx(expected, rel=1e-5)


def test_evaluation_and_models_without_r_drop_make_one_pass():
    plain, model = make(dropout=0.5), make(r_drop=0.7, dropout=0.5)
    assert plain((SOURCE, TARGET_IN), training=True).shape == (2, 3, 6)
    assert_close(model((SOURCE, TARGET_IN)), plain((SOURCE, TARGET_IN)))
    values = [each.evaluate((SOURCE, TARGET_IN), TARGET_OUT, verbose=0) for each in (plain, model)]
    assert values[0] == pytest.approx(values[1])


def test_both_passes_see_the_same_sampled_target():
    model = make(r_drop=0.7, scheduled_sampling=True, **NO_DROPS)
    model.sampler.rate.assign(1.0)
    first, second = model((SOURCE, TARGET_IN), training=True)
    assert_close(first, second)


def test_padding_before_a_target_moves_the_logits_of_both_passes():
    model = make(r_drop=0.7, **NO_DROPS)
    target = np.array([[1, 4, 5], [0, 1, 3]], "int32")
    both = model((SOURCE, target), training=True)
    for each in both:
        assert_close(each, model((SOURCE, target)))


@pytest.mark.parametrize(
    "options", [{}, {"recurrent_dropout": 0.0}, {"embedding_dropout": 0.0, "output_dropout": 0.0}]
)
def test_r_drop_requires_dropout(options):
    with pytest.raises(
        ValueError, match=r"`r_drop` requires dropout.* Received: r_drop=1.0 and no"
    ):
        make(r_drop=1.0, **options)


def test_r_drop_must_not_be_negative():
    with pytest.raises(ValueError, match=r"`r_drop` must be .* at least 0\. Received: .*=-1"):
        make(r_drop=-1, dropout=0.5)
