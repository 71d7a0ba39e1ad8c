"""The alignment losses equal the formulas in their papers, computed in plain loops."""

import numpy as np
import pytest
from reference import finite_differences, softmax
from support import BACKEND, assert_close, gradients, normal, to_numpy

from keras_attention import BahdanauAttention, MaskedCrossentropy, Seq2Seq
from keras_attention.objectives.alignment_losses import coverage_loss, guided_alignment_loss

ALIGNMENT = softmax(normal(2, 4, 5, seed=1).astype("float64"))
REAL = np.arange(4) < np.array([[4], [2]])
GIVEN = np.random.default_rng(2).integers(0, 2, (2, 4, 5)).astype("float64")
GIVEN[0, 1] = 0


def coverage_reference(alignment, real):
    total, steps = 0.0, 0
    for weights, row in zip(alignment, real, strict=True):
        coverage = np.zeros(weights.shape[1])
        for step in weights[row]:
            total += np.minimum(step, coverage).sum()
            coverage = coverage + step
            steps += 1
    return total / steps


def guided_reference(alignment, real):
    total, steps = 0.0, 0
    for weights, given, row in zip(alignment, GIVEN, real, strict=True):
        for step, links in zip(weights[row], given[row], strict=True):
            steps += 1
            if links.any():
                total -= (links / links.sum() * np.log(step)).sum()
    return total / steps


LOSSES = {
    "coverage": (coverage_loss, coverage_reference),
    "guided": (lambda a, real: guided_alignment_loss(a, GIVEN, real), guided_reference),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
def test_the_losses_and_their_gradients_equal_the_formulas_in_the_papers(name):
    loss, reference = LOSSES[name]
    value, (slope,) = gradients(lambda a: loss(a, REAL), [], ALIGNMENT.astype("float32"))
    points = ALIGNMENT.copy()
    (expected,) = finite_differences(lambda: reference(points, REAL), points)
    assert value == pytest.approx(reference(ALIGNMENT, REAL), rel=1e-5)
    assert_close(slope, expected, rtol=1e-3, atol=1e-4)


@every_loss
def test_the_loss_of_padding_is_zero(name):
    assert float(LOSSES[name][0](ALIGNMENT, np.zeros((2, 4), bool))) == 0


def test_a_weight_of_zero_on_a_given_link_has_a_large_finite_loss():
    alignment, given = np.array([[[1.0, 0.0]]]), np.array([[[0.0, 1.0]]])
    loss = float(guided_alignment_loss(alignment, given, np.array([[True]])))
    assert 20 < loss < 21


SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0]], "int32")
LINKS = np.zeros((2, 3, 4))
LINKS[0, [0, 1, 1, 2], [0, 1, 2, 3]] = LINKS[1, [0, 1], [0, 1]] = 1


def compiled(**options):
    model = Seq2Seq(7, 6, units=4, embedding=3, attention=BahdanauAttention(4), **options)
    model.compile(optimizer="sgd", loss=MaskedCrossentropy(), run_eagerly=BACKEND != "jax")
    return model


@pytest.mark.parametrize("weight", ["coverage_loss", "guided_alignment"])
def test_a_weighted_loss_is_added_only_in_training(weight):
    inputs = (SOURCE, TARGET_IN, LINKS.astype("float32"))
    plain, model = compiled(), compiled(**{weight: 0.5})
    model.build(), plain.build()
    model.set_weights(plain.get_weights())
    crossentropy = plain.evaluate(inputs[:2], TARGET_OUT, verbose=0)
    assert model.evaluate(inputs, TARGET_OUT, verbose=0) == pytest.approx(crossentropy)
    assert model.evaluate(inputs[:2], TARGET_OUT, verbose=0) == pytest.approx(crossentropy)
    _, alignment = model.teacher_forced(SOURCE, TARGET_IN)
    real = TARGET_OUT != 0
    added = {
        "coverage_loss": lambda: coverage_loss(alignment, real),
        "guided_alignment": lambda: guided_alignment_loss(alignment, LINKS, real),
    }[weight]()
    history = model.fit(inputs, TARGET_OUT, verbose=0, shuffle=False).history
    assert history["loss"][0] == pytest.approx(
        crossentropy + 0.5 * float(to_numpy(added)), rel=1e-5
    )


def test_guided_alignment_requires_a_guide():
    with pytest.raises(ValueError, match=r"`guided_alignment` requires a third input, the given"):
        compiled(guided_alignment=0.5).fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)


@pytest.mark.parametrize("weight", ["coverage_loss", "guided_alignment"])
def test_loss_weights_are_checked(weight):
    with pytest.raises(ValueError, match=rf"`{weight}` must be .* at least 0\. Received: .*=-1"):
        compiled(**{weight: -1})
    with pytest.raises(ValueError, match=rf"`{weight}` requires `attention`\. Received: .*None"):
        Seq2Seq(7, 6, units=4, embedding=3, **{weight: 1.0})
