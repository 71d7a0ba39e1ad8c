import h5py
import keras
import numpy as np
import pytest
from keras import ops
from reference import log_softmax
from support import (
    BACKEND,
    BLIND,
    MECHANISMS,
    assert_close,
    cases,
    evaluated,
    gradients,
    randomize,
    tensorflow_only,
    to_numpy,
)

from keras_attention import MaskedAccuracy, MaskedCrossentropy, Seq2Seq

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0], [3, 4, 2, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0], [1, 5, 5]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0], [5, 5, 2]], "int32")
INPUTS = SOURCE, TARGET_IN

PLACEMENTS = {
    "before": {"placement": "before"},
    "after": {"placement": "after"},
    "feeding": {"placement": "after", "input_feeding": True, "attention_units": 6},
}
ONE_OF_EACH = [("bahdanau", "before"), ("general", "after"), ("dot", "feeding"), (None, "after")]
TWO_LAYERS = [(*each, 2) for each in ONE_OF_EACH]
EVERY_PLACEMENT = [(score, name, 2) for score in MECHANISMS for name in PLACEMENTS]


def make(score="general", placement="after", **options):
    attention = MECHANISMS[score]() if score else None
    settings = {"units": 4, "embedding": 3, **PLACEMENTS[placement], **options}
    return Seq2Seq(7, 6, attention=attention, **settings)


def built(*arguments, **options):
    model = make(*arguments, **options)
    model.build()
    return randomize(model)


def compile_model(model, **options):
    model.compile(
        optimizer=keras.optimizers.Adam(0.1),
        loss=MaskedCrossentropy(),
        metrics=[MaskedAccuracy()],
        **options,
    )
    return model


def teacher_forced(model, source, target):
    return to_numpy(evaluated(model.teacher_forced, model)(source, target))


def stepwise(model, source, target):
    memory, state = model.encode(source)
    steps = []
    for t in range(target.shape[1]):
        logits, state, alignment = model.step(target[:, t], state, memory)
        steps.append((logits, alignment))
    return tuple(ops.stack(parts, axis=1) for parts in zip(*steps, strict=True))


@cases(
    "score, placement, layers",
    # Models with two layers run all the code, so a few models with one layer are enough.
    [*EVERY_PLACEMENT, (None, "after", 2), *((*each, 1) for each in ONE_OF_EACH)],
    elsewhere=TWO_LAYERS,
)
def test_teacher_forced_equals_stepwise(score, placement, layers):
    model = built(score, placement, decoder_layers=layers)

    def both(source, target):
        return model.teacher_forced(source, target), stepwise(model, source, target)

    whole, steps = to_numpy(evaluated(both, model)(*INPUTS))
    assert whole[0].shape == (3, 3, 6) and whole[1].shape == (3, 3, 4)
    assert np.any(whole[1]) == (score not in (None, *BLIND))
    assert_close(whole, steps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score, placement", ONE_OF_EACH)
def test_results_do_not_depend_on_padding_or_other_rows(score, placement):
    model = built(score, placement, encoder_layers=2)
    logits, alignment = teacher_forced(model, *INPUTS)
    padded = teacher_forced(
        model, np.pad(SOURCE, ((0, 0), (0, 2))), np.pad(TARGET_IN, ((0, 0), (0, 1)))
    )
    assert_close(padded[0][:, :3], logits, rtol=1e-4, atol=1e-5)
    assert_close(padded[1][:, :3, :4], alignment, rtol=1e-4, atol=1e-5)
    assert not padded[1][:, :, 4:].any()
    alone = teacher_forced(model, SOURCE[1:2, :2], TARGET_IN[1:2, :2])
    assert_close(alone[0], logits[1:2, :2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score, placement", ONE_OF_EACH)
def test_later_target_tokens_do_not_change_earlier_logits(score, placement):
    model = built(score, placement)
    logits, _ = teacher_forced(model, *INPUTS)
    others = np.where(np.arange(3) < 2, TARGET_IN, 3).astype("int32")
    assert (others != TARGET_IN).any()
    changed, _ = teacher_forced(model, SOURCE, others)
    assert_close(changed[:, :2], logits[:, :2])
    assert np.abs(changed[:, 2] - logits[:, 2]).max() > 1e-3


def test_a_source_of_padding_has_finite_logits():
    source = np.array([[0, 0, 0, 0], [4, 5, 2, 0], [2, 0, 0, 0]], "int32")
    logits, alignment = teacher_forced(built("bahdanau", "before"), source, TARGET_IN)
    assert np.isfinite(logits).all()
    assert not alignment[0].any() and alignment[1:].any()


def test_a_model_can_fit_evaluate_predict_save_and_load(tmp_path):
    model = compile_model(built("bahdanau", "before"))
    first = model.evaluate(INPUTS, TARGET_OUT, verbose=0, return_dict=True)
    *inputs, target_out = (np.tile(ids, (30, 1)) for ids in (*INPUTS, TARGET_OUT))
    # One epoch of 30 steps: Keras would build the input pipeline again for each of 30 epochs.
    model.fit(inputs, target_out, batch_size=len(SOURCE), shuffle=False, verbose=0)
    last = model.evaluate(INPUTS, TARGET_OUT, verbose=0, return_dict=True)
    assert last["loss"] < 0.2 < first["loss"]
    assert last["masked_accuracy"] == 1

    logits = model.predict(INPUTS, verbose=0)
    assert_close(logits, teacher_forced(model, *INPUTS)[0], rtol=1e-4, atol=1e-5)
    surprise = -np.take_along_axis(log_softmax(logits), TARGET_OUT[..., None], -1)[..., 0]
    assert last["loss"] == pytest.approx(surprise[TARGET_OUT != 0].mean(), rel=1e-4)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is Seq2Seq
    assert_close(loaded.predict(INPUTS, verbose=0), logits)
    moments, loaded_moments = (
        [variable.value for variable in m.optimizer.variables] for m in (model, loaded)
    )
    assert_close(loaded_moments, moments)
    assert [type(loaded.loss), loaded.optimizer.iterations] == [MaskedCrossentropy, 30]


@pytest.mark.parametrize("score, placement", ONE_OF_EACH)
def test_every_weight_has_a_gradient(score, placement):
    model = built(score, placement, encoder_layers=2, decoder_layers=2)
    _, slopes = gradients(
        lambda: MaskedCrossentropy()(TARGET_OUT, model(INPUTS)), model.trainable_variables
    )
    for weight, slope in zip(model.trainable_weights, slopes, strict=True):
        assert np.isfinite(slope).all() and np.any(slope), weight.path


@pytest.mark.parametrize(
    "policy, score, placement",
    [
        ("mixed_float16", "bahdanau", "before"),
        ("mixed_bfloat16", "general", "after"),
        ("mixed_bfloat16", "coverage", "feeding"),
    ],
)
def test_a_model_trains_in_mixed_precision(policy, score, placement):
    # Train eagerly: tracing a graph takes long, and a test above already trains with a graph.
    model = compile_model(
        built(score, placement, dtype=policy), run_eagerly=BACKEND == "tensorflow"
    )
    history = model.fit(INPUTS, TARGET_OUT, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < 0.5 * history[0]
    assert {w.dtype for w in model.weights} == {"float32"}
    logits, _ = teacher_forced(model, *INPUTS)
    assert logits.dtype == "float32" and np.isfinite(logits).all()


@pytest.mark.parametrize("placement", ["before", "after"])
def test_a_mechanism_that_draws_noise_trains(placement):
    eagerly = BACKEND == "tensorflow" and placement == "after"  # only "before" trains with a graph
    model = compile_model(built("chunkwise", placement), run_eagerly=eagerly)
    attention = model.decoder.cell.attention
    changed = attention.r, attention.seed_generator.state
    before = [to_numpy(variable.value) for variable in changed]
    history = model.fit(INPUTS, TARGET_OUT, epochs=9, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    for variable, old in zip(changed, before, strict=True):
        assert np.any(to_numpy(variable.value) != old)


def test_mixed_precision_is_close_to_full_precision():
    full, mixed = built("bahdanau", "before"), built("bahdanau", "before", dtype="mixed_bfloat16")
    assert mixed.encoder.compute_dtype == "bfloat16"
    expected, _ = teacher_forced(full, *INPUTS)
    logits, _ = teacher_forced(mixed, *INPUTS)
    assert 0 < np.abs(logits - expected).max() < 0.1


@tensorflow_only("JAX supports float64 only if it is enabled before the start")
def test_logits_of_a_float64_model_are_float64():
    model = make("bahdanau", "before", dtype="float64")
    logits, _ = model.teacher_forced(*INPUTS)
    assert logits.dtype == "float64"


@tensorflow_only("only TensorFlow graphs accept any batch size and length")
def test_one_graph_accepts_every_batch_size_and_length():
    import tensorflow as tf

    model, traces = built("bahdanau", "before"), []
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[ids, ids])
    def run(source, target):
        traces.append(source.shape)
        return model.teacher_forced(source, target)

    for inputs in (INPUTS, (SOURCE[:1], TARGET_IN[:1, :2]), (SOURCE[1:, :3], TARGET_IN[1:])):
        assert_close(run(*inputs), model.teacher_forced(*inputs))
    assert len(traces) == 1


def test_dropout_is_active_only_in_training():
    model, plain = (built(decoder_layers=2, dropout=rate) for rate in (0.5, 0.0))
    expected = teacher_forced(plain, *INPUTS)
    assert_close(teacher_forced(model, *INPUTS), expected)
    training = evaluated(lambda *ids: model.teacher_forced(*ids, training=True), model)
    assert np.abs(to_numpy(training(*INPUTS))[0] - expected[0]).max() > 1e-2


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("bridge", ["dense", "copy", "zero"])
def test_every_bridge_works_with_every_merge(merge, bridge):
    model = built(merge=merge, bridge=bridge, encoder_layers=2, decoder_layers=3)
    memory, state = model.encode(SOURCE)
    assert memory.values.shape == (3, 4, 4)
    assert [h.shape for h, _ in state.layers] == [(3, 4)] * 3
    assert bool(np.any(to_numpy(state.layers))) == (bridge != "zero")


@pytest.mark.parametrize("score, placement", ONE_OF_EACH)
def test_config_rebuilds_the_model(score, placement):
    model = built(score, placement, dropout=0.1, bridge="copy", encoder_layers=2)
    stored = keras.saving.serialize_keras_object(model)
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is Seq2Seq
    assert loaded.get_config() == model.get_config()
    assert type(loaded.decoder.cell.attention) is type(model.decoder.cell.attention)
    shapes = [w.shape for w in model.weights]
    assert [w.shape for w in loaded.weights] == shapes


def test_search_works_before_the_first_call():
    model = make("bahdanau", "before")
    memory, state = model.encode(SOURCE)
    count = len(model.weights)
    logits, _, alignment = model.step(TARGET_IN[:, 0], state, memory)
    assert logits.shape == (3, 6) and alignment.shape == (3, 4)
    assert len(model.weights) == count
    expected, _ = teacher_forced(model, *INPUTS)
    assert_close(logits, expected[:, 0], rtol=1e-4, atol=1e-5)


def test_build_creates_every_weight():
    model = make()
    model.build()
    count = len(model.weights)
    assert count and model.count_params()
    model(INPUTS)
    assert len(model.weights) == count


@pytest.mark.parametrize(
    "options, message",
    [
        ({"units": 5}, r"`units` must be even with merge='concat'\. Received: units=5\."),
        ({"units": 0}, r"`units` must be an integer of at least 1 .* Received: units=0\."),
        ({"embedding": 1.5}, r"`embedding` must be an integer of .* Received: embedding=1\.5\."),
        ({"encoder_layers": 0}, r"`encoder_layers` must be an integer of .*_layers=0\."),
        ({"decoder_layers": 0}, r"`decoder_layers` must be an integer of .*_layers=0\."),
        ({"merge": "ave"}, r"`merge` must be one of 'concat', 'sum'\. Received: merge='ave'\."),
        ({"bridge": "none"}, r"`bridge` must be one of 'dense', 'copy', 'zero'\. Received: brid"),
        ({"placement": "over"}, r"`placement` must be one of 'before', 'after'\. Received: plac"),
        ({"dropout": 1}, r"`dropout` must be a finite number of at least 0 and below 1\. .*=1\."),
        ({"input_feeding": True}, r"`input_feeding` feeds the attentional vector"),
    ],
)
def test_errors_name_the_wrong_argument(options, message):
    with pytest.raises(ValueError, match=message):
        Seq2Seq(7, 6, **options)


@pytest.mark.parametrize("name", ["source_vocabulary_size", "target_vocabulary_size"])
def test_errors_name_the_wrong_vocabulary_size(name):
    sizes = {"source_vocabulary_size": 7, "target_vocabulary_size": 6, name: 0}
    with pytest.raises(ValueError, match=rf"`{name}` must be an integer of at least 1.*{name}=0"):
        Seq2Seq(**sizes)


def test_attention_must_be_a_mechanism():
    with pytest.raises(TypeError, match=r"`attention` must be an AttentionMechanism.*'luong'"):
        Seq2Seq(7, 6, attention="luong")


@pytest.mark.parametrize("layer_norm, kind", [(False, "lstm"), (True, "rnn")])
def test_weights_keep_their_paths_in_files(tmp_path, layer_norm, kind):
    model = Seq2Seq(9, 9, units=4, embedding=3, encoder_layers=2, layer_norm=layer_norm)
    model.build()
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as stored:
        encoder = stored["encoder/bidirectionals/bidirectional_1"]
        places = (stored["decoder/cell/lstms"][kind], *encoder.values())
        cells = [place["cell/vars/0"].shape for place in places if "cell" in place]
    assert cells == [(3, 16), (4, 8), (4, 8)]


# One model for each way to decode a target: all steps at once, step by step, and a Transformer.
PADDED = {
    "after": {},
    "before": {"placement": "before", "decoder_layers": 2},
    "transformer": {"decoder": "transformer", "heads": 2, "max_target_length": 9},
}


def in_front(ids, longer=0):
    """Move the padding of each row before its tokens, and add `longer` padding steps."""
    rows = [np.concatenate([np.zeros(longer, int), row[row == 0], row[row != 0]]) for row in ids]
    return np.stack(rows).astype("int32")


@cases("name", list(PADDED), elsewhere=["before"])
def test_padding_before_targets_does_not_change_logits(name):
    model = built(**PADDED[name])
    padded = in_front(TARGET_IN, longer=2)
    logits, expected = (to_numpy(model((SOURCE, target))) for target in (padded, TARGET_IN))
    assert_close(logits[padded != 0], expected[TARGET_IN != 0])


@cases("score", list(MECHANISMS), elsewhere=["external-memory", "location"])
def test_padding_before_sources_does_not_change_logits(score):
    model = built(score)
    assert_close(model((in_front(SOURCE, longer=7), TARGET_IN)), model(INPUTS), atol=1e-5)


@cases("encoder", ["gnmt", "transformer"], elsewhere=["gnmt"])
@cases("decoder", ["gnmt", "transformer"], elsewhere=["transformer"])
def test_every_encoder_and_decoder_counts_positions_from_the_first_token(encoder, decoder):
    decoder = {"decoder": decoder, "heads": 2, "max_target_length": 5, "copying": True}
    model = built("location-aware", encoder=encoder, layer_norm=encoder == "gnmt", **decoder)
    assert_close(model((in_front(SOURCE, longer=2), TARGET_IN)), model(INPUTS), atol=1e-5)


def test_padding_before_targets_does_not_change_training():
    losses, norms = [], []
    for change in (lambda ids: ids, lambda ids: in_front(ids, longer=1)):
        keras.utils.set_random_seed(0)
        model = compile_model(make(copying=True, coverage_loss=0.5), run_eagerly=True)
        model.fit((SOURCE, change(TARGET_IN)), change(TARGET_OUT), epochs=2, verbose=0)
        losses.append(model.history.history["loss"])
        norms.append([np.linalg.norm(weight) for weight in model.get_weights()])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    np.testing.assert_allclose(norms[1], norms[0], rtol=1e-3)


def test_ids_may_be_floats():
    model = built(copying=True)
    assert_close(model([x.astype("float32") for x in INPUTS]), model(INPUTS))


@pytest.mark.parametrize("options", [{"copying": True}, {"scheduled_sampling": True}])
def test_the_summary_counts_the_weights(options):
    lines = []
    model = make(**options)
    model(INPUTS)
    model.summary(print_fn=lines.append)
    assert f"{model.count_params():,}" in "\n".join(lines)


def test_class_weights_are_refused():
    model = built()
    model.compile("sgd", loss=MaskedCrossentropy())
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="^`class_weight` must be None for a Seq2Seq; weight"):
            train(INPUTS, INPUTS[1], class_weight={4: 2.0})


def test_compute_output_shape_is_the_shape_of_the_logits():
    model = built()
    shapes = [np.shape(x) for x in INPUTS]
    assert model.compute_output_shape(shapes) == tuple(model(INPUTS).shape)


@tensorflow_only("Keras's export to a SavedModel")
def test_keras_can_export_a_model_that_copies(tmp_path):
    import tensorflow as tf

    model = make(copying=True)
    model(INPUTS)
    keras.Model.export(model, tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    served = loaded.serve(tuple(tf.cast(x, "float32") for x in INPUTS))
    assert_close(served, model(INPUTS))


@pytest.mark.parametrize("inputs", [SOURCE, [SOURCE]], ids=["one array", "a list of one array"])
def test_inputs_without_target_ids_are_an_error(inputs):
    with pytest.raises(ValueError, match=r"`inputs` must be \(source, target_in\)"):
        Seq2Seq(7, 7, units=4, embedding=3)(inputs)
