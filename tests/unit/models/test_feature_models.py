"""A Seq2Seq with source features reads the ids of the features before the ids of the tokens."""

import keras
import numpy as np
import pytest
from keras import ops
from support import cases

from keras_attention import (
    BahdanauAttention,
    Ensemble,
    LuongAttention,
    MaskedCrossentropy,
    Seq2Seq,
    search,
)

SIZE = 9
FEATURES = np.array([[4, 6], [5, 4], [4, 4]])
TOKENS = np.array([[4, 5, 6, 2], [7, 8, 2, 0], [2, 0, 0, 0]])
SOURCE = np.concatenate([FEATURES, TOKENS], axis=1)
TARGET = np.array([[1, 4, 5], [1, 6, 0], [1, 7, 8]])

KINDS = {
    "lstm": {},
    "sum": {"feature_merge": "sum"},
    "tied": {"tie_embeddings": "all", "attention_units": 6},
    "transformer": {
        **{"encoder": "transformer", "decoder": "transformer", "heads": 2},
        "max_target_length": 9,
    },
    "gnmt": {"encoder": "gnmt", "decoder": "gnmt"},
    "copying": {"copying": True},
}


def make(kind="lstm", **options):
    keras.utils.set_random_seed(1)
    options = {"attention": LuongAttention("general"), **KINDS[kind], **options}
    model = Seq2Seq(
        SIZE, SIZE, units=8, embedding=6, source_features=(6, 7), feature_embedding=3, **options
    )
    model.build()
    if model.settings.copying:
        model.copy_output.set_targets(range(SIZE))
    return model


def numpy(x):
    return ops.convert_to_numpy(x)


def forced(model, source):
    return [numpy(part) for part in model.teacher_forced(source, TARGET)]


@cases("kind", KINDS, elsewhere=["lstm", "sum"])
def test_alignments_cover_only_the_tokens_and_steps_equal_teacher_forcing(kind):
    model = make(kind)
    logits, alignment = forced(model, SOURCE)
    assert alignment.shape == (3, 3, 4)
    assert not alignment[1, :, 3:].any() and not alignment[2, :, 1:].any()
    memory, state = model.encode(SOURCE)
    assert numpy(memory.mask).tolist() == (TOKENS != 0).tolist()
    step, _, weights = model.step(TARGET[:, 0], state, memory)
    np.testing.assert_allclose(numpy(step), logits[:, 0], atol=1e-5)
    np.testing.assert_allclose(numpy(weights), alignment[:, 0], atol=1e-5)


@cases("kind", KINDS, elsewhere=["lstm"])
def test_padding_changes_nothing_and_each_feature_changes_the_outputs(kind):
    model = make(kind)
    logits, _ = forced(model, SOURCE)
    padded, _ = forced(model, np.pad(SOURCE, [(0, 0), (0, 2)]))
    np.testing.assert_allclose(padded, logits, atol=1e-5)
    for place in range(2):
        other = SOURCE.copy()
        other[:, place] = 9 - other[:, place] if place == 0 else 5
        assert np.abs(forced(model, other)[0] - logits).max(axis=(1, 2)).min() > 1e-6


def test_the_encoder_reads_the_embeddings_at_every_step():
    model, seen = make(), []
    model.embedding_dropout.call = lambda x, training: seen.append(numpy(x)) or x
    model.encode(SOURCE)
    tables = [numpy(table.embeddings) for table in model.feature_embedding.tables]
    rows = np.concatenate([tables[0][FEATURES[:, 0]], tables[1][FEATURES[:, 1]]], axis=-1)
    tokens = numpy(model.source_embedding.embeddings)[TOKENS]
    repeated = np.repeat(rows[:, None], 4, axis=1)
    np.testing.assert_allclose(seen[0], np.concatenate([tokens, repeated], axis=-1))


def test_one_model_learns_contradicting_rules_of_two_languages():
    keras.utils.set_random_seed(2)
    letters = np.arange(4, 8)
    turned = letters[::-1]
    tokens = np.concatenate([letters, letters])[:, None]
    language = np.repeat([4, 5], 4)[:, None]
    source = np.concatenate([language, tokens, np.full_like(tokens, 2)], axis=1)
    target = np.concatenate([letters, turned])[:, None]
    model = Seq2Seq(
        8,
        8,
        units=16,
        embedding=8,
        source_features=(6,),
        feature_embedding=4,
        attention=BahdanauAttention(8),
        rnn="gru",
    )
    model.compile(keras.optimizers.Adam(0.03), MaskedCrossentropy())
    many, targets = np.tile(source, (200, 1)), np.tile(target, (200, 1))  # one batch after another
    inputs = many, np.ones_like(targets)
    model.fit(inputs, targets, batch_size=8, shuffle=False, verbose=0)
    found = numpy(search(model, source, max_length=1).tokens)[:, 0, 0]
    assert found.tolist() == target[:, 0].tolist()


def test_the_settings_are_saved_and_older_configurations_load():
    model = make()
    copy = Seq2Seq.from_config(model.get_config())
    copy.build()
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(forced(copy, SOURCE)[0], forced(model, SOURCE)[0])
    plain = Seq2Seq(SIZE, SIZE, units=8)
    assert "source_features" not in plain.get_config() and plain.source_features == ()


def test_members_of_an_ensemble_have_the_same_features():
    with pytest.raises(ValueError, match=r"same `source_features`. Received: \(6, 7\), \(\)"):
        Ensemble([make(), Seq2Seq(SIZE, SIZE, units=8)])
    found = search(Ensemble([make(), make("sum")]), SOURCE, max_length=3)
    assert found.alignments.shape == (3, 1, 3, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_features": 6}, "number of ids of each feature, such as .10,. for one feature"),
        ({"source_features": (0,)}, "`source_features` must be a positive integer"),
        (
            {"source_features": (6,), "source_vocabulary_size": None, "source_shape": (None, 3)},
            "`source_features` requires token ids as the source",
        ),
        ({"feature_merge": "mean"}, "`feature_merge` must be one of 'concat', 'sum'"),
        ({"feature_embedding": 0}, "`feature_embedding` must be an integer of at least 1"),
    ],
)
def test_bad_settings_are_errors(options, message):
    arguments = {"source_vocabulary_size": SIZE, "target_vocabulary_size": SIZE, **options}
    with pytest.raises(ValueError, match=message):
        Seq2Seq(**arguments)


def test_a_source_without_tokens_is_an_error():
    with pytest.raises(ValueError, match="must be ids .B, 2 . S., first those of the source"):
        make().encode(FEATURES)
