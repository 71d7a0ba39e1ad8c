"""Tests of a `Seq2Seq` with a sparse output: training, steps, scores, files and errors."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import by_bisection, log_softmax
from support import assert_close, cases, random_translator, randomize, to_numpy

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    LuongAttention,
    MaskedCrossentropy,
    MaskedFenchelYoung,
    Seq2Seq,
    Vocabulary,
)
from keras_attention.errors import SettingError

SOURCE, TARGET_IN = np.array([[4, 5, 6], [7, 8, 0]]), np.array([[1, 4, 6], [1, 7, 0]])
TARGET_OUT = np.array([[4, 6, 2], [7, 2, 0]])
SHAPES = {"sparsemax": (1.0, 1.0), "entmax15": (0.5, 2.0)}


def make(mapping, **options):
    keras.utils.set_random_seed(1)
    model = Seq2Seq(9, 10, units=8, embedding=6, output_mapping=mapping, **options)
    model.build()
    return randomize(model, scale=1.5)


@cases("mapping", SHAPES, elsewhere=["entmax15"])
@pytest.mark.parametrize("tie", ["none", "target"])
def test_steps_and_teacher_forcing_return_log_probabilities_of_the_mapped_logits(mapping, tie):
    options = {"attention_units": 6, "attention": LuongAttention("general"), "tie_embeddings": tie}
    model = make(mapping, **options)
    logits = to_numpy(model((SOURCE, TARGET_IN)))
    probabilities = np.apply_along_axis(by_bisection, -1, logits, *SHAPES[mapping])
    assert (probabilities == 0).mean() > 0.2
    forced, _ = to_numpy(model.teacher_forced(SOURCE, TARGET_IN))
    memory, state = model.encode(SOURCE)
    for t in range(3):
        found, state, _ = model.step(TARGET_IN[:, t], state, memory)
        for logs in (to_numpy(found), forced[:, t]):
            np.testing.assert_allclose(np.exp(log_softmax(logs)), probabilities[:, t], atol=1e-5)
            assert np.isfinite(logs).all()


def test_fitting_makes_the_target_certain_and_a_file_stores_the_mapping_and_the_loss(tmp_path):
    model = make("entmax15", attention=BahdanauAttention(8), placement="before")
    model.compile(keras.optimizers.Adam(0.03), loss=MaskedFenchelYoung("entmax15"))
    batch = (SOURCE, TARGET_IN), TARGET_OUT
    before = model.evaluate(*batch, verbose=0)
    *inputs, target = (np.tile(ids, (60, 1)) for ids in (SOURCE, TARGET_IN, TARGET_OUT))
    model.fit(tuple(inputs), target, batch_size=len(SOURCE), shuffle=False, verbose=0)
    assert before > 0.1 > 1e-2 > model.evaluate(*batch, verbose=0)
    logs, _ = to_numpy(model.teacher_forced(SOURCE, TARGET_IN))
    chosen = np.take_along_axis(logs, TARGET_OUT[..., None], -1)[..., 0]
    np.testing.assert_allclose(chosen[TARGET_OUT > 0], 0, atol=0.1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.settings.output_mapping, loaded.loss.mapping) == ("entmax15", "entmax15")
    assert_close(loaded.teacher_forced(SOURCE, TARGET_IN)[0], logs)


@pytest.mark.parametrize(
    ("mapping", "loss", "expected"),
    [
        ("sparsemax", MaskedCrossentropy(), r"MaskedFenchelYoung\('sparsemax'\) for a model with"),
        ("sparsemax", MaskedFenchelYoung("entmax15"), r"Received: loss=MaskedFenchelYoung\('entm"),
        ("entmax15", "sparse_categorical_crossentropy", r"loss='sparse_categorical_crossentropy'"),
        ("softmax", MaskedFenchelYoung("entmax15"), r"must be MaskedCrossentropy\(\) for a model"),
    ],
)
def test_a_loss_of_another_mapping_is_refused_before_the_first_step(mapping, loss, expected):
    model = make(mapping)
    model.compile("sgd", loss=loss, run_eagerly=True)
    before = [to_numpy(weight.value) for weight in model.weights]
    with pytest.raises(ValueError, match=expected):
        model.fit((SOURCE, TARGET_IN), TARGET_OUT, verbose=0)
    assert_close([weight.value for weight in model.weights], before)


@pytest.mark.parametrize("mapping", SHAPES)
def test_copying_requires_a_softmax(mapping):
    with pytest.raises(SettingError, match=r"`output_mapping` must be 'softmax' with copying"):
        make(mapping, copying=True, attention=LuongAttention("general"))


def test_scheduled_sampling_draws_only_tokens_with_a_probability():
    model = make("sparsemax", scheduled_sampling=True)
    model.sampler.rate.assign(1.0)
    source, target = (np.repeat(ids, 200, axis=0) for ids in (SOURCE[:1], TARGET_IN[:1]))
    logs, _ = model.teacher_forced(source, target)
    drawn = to_numpy(model.sampler(ops.cast(target, "int32"), logs))
    for t in (1, 2):
        possible = set(np.flatnonzero(to_numpy(logs)[0, t - 1] > -150))
        assert set(drawn[:, t]) == possible and len(possible) > 1


@pytest.mark.parametrize("mapping", SHAPES)
def test_the_score_of_an_impossible_target_is_finite_and_below_minus_300(mapping):
    tokenizer = CharacterTokenizer(Vocabulary("abcd "))
    translator = random_translator(tokenizer, output_mapping=mapping, attention=LuongAttention())
    scores = [pair for target in "abcd" for pair in translator.score(["abc"] * 2, [target, "cd"])]
    values = np.array([value for pair in scores for value in pair.log_probabilities])
    assert (values <= -300).any() and (values > -50).any()
    assert ((values >= -600) & (values <= 1e-6)).all()
    assert all(np.isfinite(pair.perplexity) for pair in scores)
    found = translator("abc", beam_width=3)
    assert 1 <= len(found.hypotheses) and all(h.score > -300 for h in found.hypotheses)
