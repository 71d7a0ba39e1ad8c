"""In the training loss, a teacher's distribution replaces a share of the reference."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import softmax
from support import BACKEND, assert_close

from keras_attention import BahdanauAttention, Ensemble, MaskedCrossentropy, Seq2Seq

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0]], "int32")
REAL = TARGET_OUT > 0
SMOOTHING = 0.1


def make(seed=1, loss=None, **options):
    keras.utils.set_random_seed(seed)
    model = Seq2Seq(7, 6, units=4, embedding=3, attention=BahdanauAttention(4), **options)
    model.build()
    loss = loss or MaskedCrossentropy(label_smoothing=SMOOTHING)
    model.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=BACKEND != "jax")
    return model


def probabilities(logits):
    return softmax(ops.convert_to_numpy(logits).astype("float64"))


def crossentropy(p):
    smoothed = (1 - SMOOTHING) * np.eye(6)[TARGET_OUT] + SMOOTHING / 6
    return -(smoothed * np.log(p)).sum(-1)[REAL].mean()


def test_the_loss_is_a_weighted_mean_of_both_crossentropies():
    student, members = make(l2=0.01), [make(2), make(3, dropout=0.5)]
    student.learn_from(Ensemble(members), 0.3)
    q = np.mean([probabilities(each((SOURCE, TARGET_IN))) for each in members], axis=0)
    p = probabilities(student((SOURCE, TARGET_IN)))
    norm = sum(np.square(w).sum() for w in student.get_weights() if w.ndim > 1)
    from_teacher = -(q * np.log(p)).sum(-1)[REAL].mean()
    expected = 0.7 * crossentropy(p) + 0.3 * from_teacher + 0.01 * norm
    evaluated = student.evaluate((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)
    assert evaluated == pytest.approx(crossentropy(p), rel=1e-5)
    before = [each.get_weights() for each in members]
    fitted = student.fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0).history["loss"][0]
    assert fitted == pytest.approx(expected, rel=1e-5)
    for each, weights in zip(members, before, strict=True):
        for actual, wanted in zip(each.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(actual, wanted)


def test_both_passes_of_r_drop_learn_from_the_teacher():
    single, double = (make(dropout=1e-9, **more) for more in ({}, {"r_drop": 1.0}))
    for student in (single, double):
        student.learn_from(make(2), 0.3)
        student.fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)
    for actual, expected in zip(double.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_student_is_saved_without_its_teacher(tmp_path):
    student, alone = make(), make()
    student.learn_from(make(2), 0.3)
    assert len(student.weights) == len(alone.weights)
    student.fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)
    student.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for actual, expected in zip(loaded.get_weights(), student.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_padding_before_a_target_does_not_change_what_the_teacher_teaches():
    target = np.array([[1, 4, 5], [0, 1, 3]], "int32")
    student, teacher = make(), make(2)
    student.learn_from(teacher, 1.0)
    given = student._teacher.logits((SOURCE, target))
    assert_close(given, teacher((SOURCE, target)), atol=1e-6)


def test_a_teacher_with_other_ids_is_an_error():
    with pytest.raises(ValueError, match=r"as the model, \(7, 6\)\. Received: \(7, 5\)\."):
        make().learn_from(Seq2Seq(7, 5, units=4, embedding=3), 0.5)
    teacher = Seq2Seq(7, 6, units=4, embedding=3, source_features=(5,))
    with pytest.raises(ValueError, match=r"with \(\) ids\. Received: \(5,\)\."):
        make().learn_from(teacher, 0.5)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_the_weight_of_the_teacher_must_be_from_0_to_1(weight):
    with pytest.raises(ValueError, match=rf"at most 1\. Received: weight={weight}\."):
        make().learn_from(make(2), weight)


def test_a_teacher_requires_the_masked_crossentropy():
    student = make(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    student.learn_from(make(2), 0.5)
    with pytest.raises(ValueError, match=r"must be a MaskedCrossentropy\. Received: Sparse"):
        student.fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)
