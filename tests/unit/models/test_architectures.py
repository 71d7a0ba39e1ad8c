"""A `Seq2Seq` behaves correctly with every pairing of an encoder and a decoder."""

import keras
import numpy as np
import pytest
from keras import ops
from support import (
    BACKEND,
    assert_close,
    evaluated,
    gradients,
    randomize,
    tensorflow_only,
    to_numpy,
)

from keras_attention import (
    BahdanauAttention,
    Ensemble,
    ExternalMemoryAttention,
    InputError,
    LuongAttention,
    MaskedCrossentropy,
    QueryKeyValueAttention,
    Seq2Seq,
    search,
)
from keras_attention.decoding.beam_search import beam_search

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0], [3, 4, 2, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0], [1, 5, 5]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0], [5, 5, 2]], "int32")

TRANSFORMER = {"heads": 2, "feed_forward": 6, "max_target_length": 5}
PAIRINGS = {
    "gnmt": {"encoder": "gnmt", "decoder": "gnmt"},
    "transformer": {"encoder": "transformer", "decoder": "transformer", **TRANSFORMER},
    "transformer over bilstm": {"decoder": "transformer", **TRANSFORMER},
    "transformer with heads": {"decoder": "transformer", **TRANSFORMER},
    "transformer over a memory": {"decoder": "transformer", **TRANSFORMER},
    "lstm over transformer": {"encoder": "transformer", "heads": 2},
    "gnmt over transformer": {"encoder": "transformer", "decoder": "gnmt", "heads": 2},
    "gnmt over bilstm": {"decoder": "gnmt", "deep_output": True, "attention_units": 3},
    "lstm over gnmt": {"encoder": "gnmt", "bridge": "copy", "input_feeding": True},
}
# JAX compiles a program for each case, so run only one case there.
SELECTED = PAIRINGS if BACKEND == "tensorflow" else ("transformer",)
MECHANISMS = {
    "transformer with heads": lambda **options: QueryKeyValueAttention(
        3, heads=2, use_bias=False, **options
    ),
    "transformer over a memory": lambda **options: ExternalMemoryAttention(3, **options),
}
every_pairing = pytest.mark.parametrize("name", SELECTED)
one_of_each = pytest.mark.parametrize(
    "name", SELECTED if BACKEND == "jax" else ["gnmt", "transformer"]
)


def make(name, **options):
    attention = MECHANISMS.get(name, LuongAttention)(dtype=options.get("dtype"))
    deep = 3 if "gnmt" in name else 2
    layers = {"encoder_layers": deep, "decoder_layers": deep}
    settings = {"units": 4, "embedding": 3, **layers, **PAIRINGS[name], **options}
    return Seq2Seq(7, 6, attention=attention, **settings)


def built(name, **options):
    model = make(name, **options)
    model.build()
    return randomize(model)


def teacher_forced(model, source, target):
    return to_numpy(evaluated(model.teacher_forced, model)(source, target))


@every_pairing
def test_teacher_forced_equals_stepwise(name):
    model = built(name)

    def both(source, target):
        memory, state = model.encode(source)
        steps = []
        for t in range(target.shape[1]):
            logits, state, alignment = model.step(target[:, t], state, memory)
            steps.append((logits, alignment))
        return model.teacher_forced(source, target), tuple(
            ops.stack(parts, axis=1) for parts in zip(*steps, strict=True)
        )

    whole, steps = to_numpy(evaluated(both, model)(SOURCE, TARGET_IN))
    assert whole[0].shape == (3, 3, 6) and whole[1].shape == (3, 3, 4)
    np.testing.assert_allclose(whole[1].sum(-1), 1, rtol=1e-5)
    assert_close(whole, steps, rtol=1e-4, atol=1e-5)


@one_of_each
def test_results_do_not_depend_on_padding_or_other_rows(name):
    model = built(name)
    logits, alignment = teacher_forced(model, SOURCE, TARGET_IN)
    padded = teacher_forced(
        model, np.pad(SOURCE, ((0, 0), (0, 2))), np.pad(TARGET_IN, ((0, 0), (0, 1)))
    )
    assert_close(padded[0][:, :3], logits, rtol=1e-4, atol=1e-5)
    assert_close(padded[1][:, :3], np.pad(alignment, ((0, 0), (0, 0), (0, 2))), 1e-4, 1e-5)
    alone = teacher_forced(model, SOURCE[1:2, :2], TARGET_IN[1:2, :2])
    assert_close(alone[0], logits[1:2, :2], rtol=1e-4, atol=1e-5)


@one_of_each
def test_later_target_tokens_do_not_change_earlier_logits(name):
    model = built(name)
    logits, _ = teacher_forced(model, SOURCE, TARGET_IN)
    others = np.where(np.arange(3) < 2, TARGET_IN, 3).astype("int32")
    changed, _ = teacher_forced(model, SOURCE, others)
    assert_close(changed[:, :2], logits[:, :2])
    assert np.abs(changed[:, 2] - logits[:, 2]).max() > 1e-3


@one_of_each
def test_every_weight_has_a_finite_gradient(name):
    model = built(name)
    _, slopes = gradients(
        lambda: MaskedCrossentropy()(TARGET_OUT, model((SOURCE, TARGET_IN))),
        model.trainable_variables,
    )
    for weight, slope in zip(model.trainable_weights, slopes, strict=True):
        assert np.isfinite(slope).all() and np.any(slope), weight.path


@one_of_each
def test_a_source_of_padding_has_finite_logits_and_gradients(name):
    model, source = built(name), np.array([[0] * 4, [4, 5, 2, 0], [2, 0, 0, 0]], "int32")
    loss, slopes = gradients(
        lambda: MaskedCrossentropy()(TARGET_OUT, model((source, TARGET_IN))),
        model.trainable_variables,
    )
    assert np.isfinite(loss) and all(np.isfinite(slope).all() for slope in slopes)
    assert not teacher_forced(model, source, TARGET_IN)[1][0].any()


@one_of_each
def test_beam_search_equals_greedy_search_and_teacher_forcing(name):
    model = built(name)
    memory, state = model.encode(SOURCE)
    greedy = to_numpy(search(model, SOURCE, max_length=5))
    alone = beam_search(model.step, state, memory, beam_width=1, max_length=5)
    assert_close(to_numpy(alone), greedy, rtol=1e-4, atol=1e-5)
    beams = to_numpy(search(model, SOURCE, max_length=5, beam_width=3))
    for k in range(3):  # when beams are reordered, each state must follow its hypothesis
        tokens = beams.tokens[:, k]
        logits, alignment = teacher_forced(
            model, SOURCE, np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=1)
        )
        chosen = to_numpy(ops.log_softmax(logits))
        chosen = np.take_along_axis(chosen, tokens[..., None], -1)[..., 0] * (tokens != 0)
        np.testing.assert_allclose(chosen.sum(-1), beams.scores[:, k], rtol=1e-4, atol=1e-4)
        real = (tokens != 0)[..., None]
        assert_close(beams.alignments[:, k], alignment * real, rtol=1e-4, atol=1e-4)


def test_a_search_beyond_the_decoders_limit_is_refused():
    models = built("transformer"), built("gnmt"), built("transformer", max_target_length=4)
    assert [model.longest for model in models] == [5, None, 4]
    assert Ensemble(models).longest == 4 and Ensemble(models[1:2]).longest is None
    assert search(models[0], SOURCE, max_length=5).tokens.shape == (3, 1, 5)
    message = r"`max_length` must be at most {}, the largest number .*: max_length={}\."
    for model, longest in ((models[0], 5), (Ensemble(models), 4)):
        with pytest.raises(InputError, match=message.format(longest, longest + 1)):
            search(model, SOURCE, max_length=longest + 1)


@one_of_each
def test_every_pairing_fits_saves_and_loads(name, tmp_path):
    model = built(name, encoder_layers=1, decoder_layers=1, dropout=0.1)
    # In TensorFlow, tracing a training graph takes longer than these steps.
    eagerly = BACKEND == "tensorflow"
    model.compile(keras.optimizers.Adam(0.05), loss=MaskedCrossentropy(), run_eagerly=eagerly)
    losses = model.fit((SOURCE, TARGET_IN), TARGET_OUT, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.settings == model.settings
    assert_close(
        teacher_forced(loaded, SOURCE, TARGET_IN), teacher_forced(model, SOURCE, TARGET_IN)
    )


@one_of_each
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_close_to_full_precision(name, policy):
    if BACKEND == "jax" and (name, policy) == ("transformer", "mixed_float16"):
        pytest.xfail("JAX's attention does not support float16 on a CPU")
    keras.utils.set_random_seed(1)
    full, mixed = make(name), make(name, dtype=policy)
    full.build()
    mixed.build()
    mixed.set_weights(full.get_weights())
    assert {w.dtype for w in mixed.trainable_weights} == {"float32"}
    expected, _ = teacher_forced(full, SOURCE, TARGET_IN)
    logits, _ = teacher_forced(mixed, SOURCE, TARGET_IN)
    assert 0 < np.abs(logits - expected).mean() < 0.03
    greedy = to_numpy(search(mixed, SOURCE, max_length=4, beam_width=2))
    assert np.isfinite(greedy.scores).all()


@one_of_each
def test_dropout_is_active_only_in_training(name):
    model, plain = (built(name, dropout=rate) for rate in (0.5, 0.0))
    model.embedding_dropout.rate = model.output_dropout.rate = 0.0
    expected = teacher_forced(plain, SOURCE, TARGET_IN)
    assert_close(teacher_forced(model, SOURCE, TARGET_IN), expected)
    training = evaluated(lambda *ids: model.teacher_forced(*ids, training=True), model)
    assert np.abs(to_numpy(training(SOURCE, TARGET_IN))[0] - expected[0]).max() > 1e-2


@tensorflow_only("only TensorFlow graphs accept any batch size and length")
@one_of_each
def test_one_graph_accepts_every_batch_size_and_length(name):
    import tensorflow as tf

    model = built(name)
    ids = tf.TensorSpec([None, None], tf.int32)
    run = tf.function(model.teacher_forced, input_signature=[ids, ids], autograph=False)
    for source, target in ((SOURCE, TARGET_IN), (SOURCE[:1, :3], TARGET_IN[:1, :2])):
        assert_close(run(source, target), model.teacher_forced(source, target), 1e-4, 1e-5)


def test_a_config_that_names_no_encoder_and_decoder_means_lstms():
    config = Seq2Seq(7, 6, units=4, embedding=3).get_config()
    assert (config.pop("encoder"), config.pop("decoder")) == ("bilstm", "lstm")
    assert Seq2Seq.from_config(config).settings.decoder == "lstm"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "lstm"}, r"`encoder` must be one of 'bilstm', .* Received: encoder='lstm'\."),
        ({"decoder": "bilstm"}, r"`decoder` must be one of 'lstm', .*: decoder='bilstm'\."),
        (
            {"decoder": "gnmt"},
            r"`decoder` must be 'lstm' without an `attention`.*='gnmt', attention=None\.",
        ),
        (
            {"decoder": "transformer"},
            r"without an `attention`\..*='transformer', .*=None",
        ),
        (
            {"decoder": "transformer", "attention": BahdanauAttention(4)},
            r"`max_target_length` must be given with decoder='transformer', .*_length=None\.",
        ),
        (
            {"decoder": "transformer", "attention": BahdanauAttention(4), "deep_output": True},
            r"`deep_output` must be false with decoder='transformer', .*deep_output=True\.",
        ),
        (
            {"encoder": "transformer", "heads": 3},
            r"a multiple of `heads`\. Received: units=4, heads",
        ),
        (
            {"encoder": "transformer", "merge": "sum"},
            r"`merge` must be 'concat', .*='lstm', which do not use it\. Received: merge='sum'\.",
        ),
        ({"decoder": "transformer", "bridge": "copy"}, r"must be 'dense', .*bridge='copy'\."),
        (
            {"encoder": "transformer", "decoder": "transformer", "layer_norm": True},
            r"`layer_norm` must be False, .*Received: layer_norm=True\.",
        ),
        (
            {"encoder": "transformer", "decoder": "transformer", "recurrent_dropout": 0.1},
            r"`recurrent_dropout` must be 0\.0, .*Received: recurrent_dropout=0\.1\.",
        ),
        (
            {"decoder": "gnmt", "attention": BahdanauAttention(4), "input_feeding": True},
            r"`input_feeding` must be false with decoder='gnmt', which passes .*=True\.",
        ),
    ],
)
def test_wrong_combinations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Seq2Seq(7, 6, **{"units": 4, "embedding": 3, **options})
