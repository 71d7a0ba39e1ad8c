"""Properties that all mechanisms share, and the base class itself."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import attend
from support import (
    BLIND,
    MECHANISMS,
    PARTIAL,
    assert_close,
    cases,
    evaluated,
    gradients,
    normal,
    randomize,
    tensorflow_only,
    to_numpy,
)

from keras_attention import (
    AttentionMechanism,
    ChunkwiseAttention,
    LocalAttention,
    QueryKeyValueAttention,
)
from keras_attention.attention.base.attention_mechanism import checked_choice, checked_units

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
# These mechanisms need more of a memory than its keys.
VALUED = {"location", "fertility", "external-memory", "heads", "additive heads", *BLIND}
every_mechanism = pytest.mark.parametrize("name", MECHANISMS)
# These tests check the base classes, so on JAX four mechanisms are enough: one with only a score,
# one with a history, one with hard choices and one that writes to its memory.
few_mechanisms_elsewhere = cases(
    "name", MECHANISMS, elsewhere=["general", "coverage", "monotonic", "external-memory"]
)


def built(name, **options):
    layer = MECHANISMS[name](**options)
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def assert_sums_to_one(name, alignment, rtol):
    sums = alignment.sum(-1)
    if name in BLIND:
        assert not sums.any()
    elif name in PARTIAL:
        assert sums.any() and (sums < 1 + rtol).all()
    else:
        np.testing.assert_allclose(sums, 1, rtol=rtol)


class NegativeDistance(AttentionMechanism):
    """A mechanism that the library does not have; its score is the negative squared distance."""

    def _score(self, query, keys):
        difference = ops.expand_dims(query, 2) - ops.expand_dims(keys, 1)
        return -ops.sum(ops.square(difference), axis=-1)


def test_a_new_score_needs_only_one_method():
    expected = attend(lambda q, k, s: -((q - k) ** 2).sum(), QUERY, MEMORY, MASK)
    assert_close(NegativeDistance()(QUERY, MEMORY, memory_mask=MASK), expected)


def test_a_mechanism_without_a_score_raises_an_error_that_names_the_method():
    class Nothing(AttentionMechanism):
        pass

    message = r"Nothing must define `_score\(query, keys\)`"
    with pytest.raises(NotImplementedError, match=message):
        Nothing()(QUERY, MEMORY)


@every_mechanism
def test_all_steps_at_once_equal_single_steps(name):
    layer = built(name)
    contexts, alignments = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK))
    assert contexts.shape == (2, 3, layer.context_width(4)) and alignments.shape == (2, 3, 5)
    state = None
    for t in range(3):
        *one_step, state = layer(
            QUERY[:, t], MEMORY, memory_mask=MASK, state=state, return_state=True
        )
        assert_close(one_step, [contexts[:, t], alignments[:, t]])


@few_mechanisms_elsewhere
def test_all_steps_at_once_return_the_state_of_the_last_step(name):
    layer = built(name)
    *_, whole = layer(QUERY, MEMORY, memory_mask=MASK, return_state=True)
    *_, first = layer(QUERY[:, :2], MEMORY, memory_mask=MASK, return_state=True)
    *_, last = layer(QUERY[:, 2], MEMORY, memory_mask=MASK, state=first, return_state=True)
    assert_close(last, whole)
    keras.tree.assert_same_structure(layer.state_structure(), last)
    assert bool(keras.tree.flatten(last)) == layer.recurrent


@few_mechanisms_elsewhere
def test_a_state_has_one_row_per_query_and_stays_float32(name):
    layer = built(name, dtype="mixed_bfloat16")
    first = layer.initial_state(MEMORY, MASK)
    *_, last = layer(QUERY[:, 0], MEMORY, memory_mask=MASK, state=first, return_state=True)
    for before, after in zip(keras.tree.flatten(first), keras.tree.flatten(last), strict=True):
        assert before.shape == after.shape and before.shape[0] == 2
        assert before.dtype == after.dtype == ops.zeros((), "float32").dtype


@few_mechanisms_elsewhere
def test_hypotheses_of_a_source_share_its_memory(name):
    layer = built(name)
    queries = normal(6, 4, seed=4)  # three hypotheses for each of two sources
    shared = layer(queries, MEMORY, memory_mask=MASK)
    memory, mask = (np.repeat(x, 3, axis=0) for x in (MEMORY, MASK))
    assert_close(shared, layer(queries, memory, memory_mask=mask))


@tensorflow_only("only its graphs have an unknown number of rows")
@pytest.mark.parametrize("name", ["dot", "coverage", "local-m"])
def test_a_graph_of_unknown_batch_size_accepts_hypotheses_without_a_state(name):
    import tensorflow as tf

    layer = built(name)
    queries = normal(4, 4, seed=4)  # two hypotheses for each of two sources
    run = tf.function(
        lambda query, memory: layer(query, memory),
        input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None, None, 4])],
    )
    assert_close(run(queries, MEMORY), layer(queries, MEMORY))
    assert_close(run(queries[:2], MEMORY), layer(queries[:2], MEMORY))


@few_mechanisms_elsewhere
def test_each_hypothesis_has_its_own_state(name):
    layer = built(name)
    queries = normal(2, 6, 4, seed=4)
    memory, mask = (np.repeat(x, 3, axis=0) for x in (MEMORY, MASK))
    shared = repeated = None
    for query in queries:
        *outputs, shared = layer(query, MEMORY, memory_mask=MASK, state=shared, return_state=True)
        *alone, repeated = layer(query, memory, memory_mask=mask, state=repeated, return_state=True)
        assert_close((outputs, shared), (alone, repeated))


@few_mechanisms_elsewhere
def test_keys_that_were_projected_earlier_give_the_same_result(name):
    layer = built(name)
    keys = layer.project(MEMORY)
    expected = layer(QUERY, MEMORY, memory_mask=MASK)
    assert_close(layer(QUERY, MEMORY, memory_mask=MASK, keys=keys), expected)


@pytest.mark.parametrize("name", ["bahdanau", "general", "concat"])
def test_project_before_build_is_rejected(name):
    layer = MECHANISMS[name]()
    message = (
        rf"`project` requires the weights of '{layer.name}'\. Call the layer .* or call `build"
    )
    with pytest.raises(ValueError, match=message):
        layer.project(MEMORY)


@pytest.mark.parametrize("name", sorted(MECHANISMS.keys() - VALUED))
def test_queries_are_compared_with_the_keys_that_are_passed(name):
    layer = built(name)
    others = normal(*MEMORY.shape, seed=7)
    _, expected = layer(QUERY, others)
    context, alignment = layer(QUERY, MEMORY, keys=layer.project(others))
    assert_close(alignment, expected)
    assert_close(context, ops.matmul(expected, MEMORY))


@few_mechanisms_elsewhere
def test_alignments_are_not_negative_and_sum_to_at_most_one(name):
    _, alignment = to_numpy(built(name)(QUERY, MEMORY, memory_mask=MASK))
    assert (alignment >= 0).all()
    assert_sums_to_one(name, alignment, rtol=1e-6)
    assert not alignment[1, :, 3:].any()


@every_mechanism
def test_more_padding_changes_nothing(name):
    layer = built(name)
    context, alignment = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK))
    padded = np.concatenate([MEMORY, 100 * normal(2, 2, 4, seed=3)], axis=1)
    mask = np.pad(MASK, ((0, 0), (0, 2)))
    padded_context, padded_alignment = layer(QUERY, padded, memory_mask=mask)
    assert_close(padded_context, context)
    assert_close(padded_alignment, np.pad(alignment, ((0, 0), (0, 0), (0, 2))))


# Mechanisms that use the location score within a window, a chunk or a head.
AROUND_LOCATION = {
    "local-m of location": lambda: LocalAttention(MECHANISMS["location"](), 2),
    "chunkwise of location": lambda: ChunkwiseAttention(MECHANISMS["location"](), 3),
    "heads of location": lambda: QueryKeyValueAttention(
        3, heads=2, content=MECHANISMS["location"]()
    ),
}


@pytest.mark.parametrize("training", [False, True])
@cases("name", [*MECHANISMS, *AROUND_LOCATION], elsewhere=["monotonic", "local-m of location"])
def test_padding_before_or_after_the_tokens_gives_the_same_result(name, training):
    layer = {**MECHANISMS, **AROUND_LOCATION}[name]()
    layer.noise = 0  # noise would differ from call to call
    layer.build(QUERY.shape, MEMORY.shape)
    randomize(layer)
    wide = [
        np.pad(MEMORY, ((0, 0), (0, 6), (0, 0)), constant_values=9.0),
        np.pad(MASK, [(0, 0), (0, 6)]),
    ]
    turn = np.stack([np.roll(np.arange(11), 11 - length) for length in MASK.sum(1)])
    memory, mask = wide[0][np.arange(2)[:, None], turn], wide[1][np.arange(2)[:, None], turn]
    assert mask[:, -1].all() and not mask[:, 0].any()
    context, alignment = to_numpy(layer(QUERY, wide[0], memory_mask=wide[1], training=training))
    turned = np.stack([row[:, places] for row, places in zip(alignment, turn, strict=True)])
    assert_close(layer(QUERY, memory, memory_mask=mask, training=training), (context, turned))


@every_mechanism
@cases(
    "policy",
    ["float32", "mixed_float16", "mixed_bfloat16", "float16"],
    elsewhere=["mixed_bfloat16", "float16"],
)
def test_a_row_that_is_all_padding_gets_zero_weights(name, policy):
    layer = built(name, dtype=policy)
    mask = np.array([[False] * 5, [True] * 5])
    attend = evaluated(lambda query, memory: layer(query, memory, memory_mask=mask), layer)
    context, alignment = to_numpy(attend(QUERY, MEMORY))
    assert not alignment[0].any() and not context[0].any()
    assert_sums_to_one(name, alignment[1], rtol=0.02)
    assert np.isfinite(context).all()


@every_mechanism
def test_a_row_that_is_all_padding_has_zero_gradients(name):
    layer = built(name)
    mask = np.array([[False] * 5, [True] * 5])

    def loss(query, memory):
        # Use training mode: hard decisions have no gradient, and in training nothing makes them.
        context, alignment = layer(query, memory, memory_mask=mask, training=True)
        return ops.sum(ops.square(context)) + ops.sum(ops.square(alignment))

    _, slopes = gradients(loss, layer.trainable_variables, QUERY, MEMORY)
    assert all(np.isfinite(slope).all() for slope in slopes)
    for slope in slopes[-2:]:
        assert not slope[0].any()
    of_query, of_memory = slopes[-2:]
    assert of_memory[1].any() and of_query[1].any() == (name not in BLIND)


@few_mechanisms_elsewhere
def test_a_functional_model_takes_the_mask_from_keras(name, tmp_path):
    ids = np.array([[4, 7, 2, 0, 0], [5, 3, 6, 8, 2]])
    source = keras.Input((None,), dtype="int32")
    query = keras.Input((None, 4))
    embedding = keras.layers.Embedding(9, 4, mask_zero=True)
    attention = MECHANISMS[name]()
    model = keras.Model([source, query], attention(query, embedding(source)))
    randomize(model)
    expected = attention(QUERY, to_numpy(embedding.embeddings.value)[ids], memory_mask=ids != 0)
    assert not np.any(to_numpy(expected[1])[0, :, 3:])
    assert_close(tuple(model([ids, QUERY])), expected)

    model.save(tmp_path / "model.keras")
    assert_close(tuple(keras.saving.load_model(tmp_path / "model.keras")([ids, QUERY])), expected)


@few_mechanisms_elsewhere
def test_a_functional_model_passes_the_state_to_the_next_call(name, tmp_path):
    query, memory = keras.Input((4,)), keras.Input((5, 4))
    attention = MECHANISMS[name]()
    *_, state = attention(query, memory, return_state=True)
    outputs = attention(query, memory, state=state, return_state=True)
    model = keras.Model([query, memory], outputs)
    randomize(model)
    *_, state = attention(QUERY[:, 0], MEMORY, return_state=True)
    expected = attention(QUERY[:, 0], MEMORY, state=state, return_state=True)
    assert_close(keras.tree.flatten(model([QUERY[:, 0], MEMORY])), keras.tree.flatten(expected))
    for spec, given in zip(keras.tree.flatten(outputs), keras.tree.flatten(expected), strict=True):
        assert spec.shape[1:] == tuple(given.shape[1:])
        assert spec.dtype == keras.backend.standardize_dtype(given.dtype)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")([QUERY[:, 0], MEMORY])
    assert_close(keras.tree.flatten(loaded), keras.tree.flatten(expected))


@few_mechanisms_elsewhere
def test_initializers_and_regularizers_apply_to_matrices_and_biases(name):
    given = {
        "kernel_initializer": keras.initializers.Constant(0.5),
        "bias_initializer": "ones",
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "bias_regularizer": keras.regularizers.L1(0.2),
    }
    layer = MECHANISMS[name](**given)
    layer = type(layer).from_config(layer.get_config())
    layer.build(QUERY.shape, MEMORY.shape)
    # The scalars `g` and `r` are neither matrices nor biases. Keras's `Conv1D` is not checked here.
    weights = {w.path: to_numpy(w.value) for w in layer.trainable_weights if w.shape != ()}
    weights = {path: value for path, value in weights.items() if "convolution" not in path}
    biases = [value for path, value in weights.items() if path.endswith(("/bias", "/b"))]
    kernels = [value for path, value in weights.items() if not path.endswith(("/bias", "/b"))]
    assert all((bias == 1).all() for bias in biases)
    assert all((kernel == 0.5).all() for kernel in kernels)
    expected = 0.1 * sum((kernel**2).sum() for kernel in kernels) + 0.2 * sum(map(np.sum, biases))
    assert sum(map(to_numpy, layer.losses)) == pytest.approx(expected, rel=1e-5)


def test_a_random_initializer_draws_different_values_for_each_matrix():
    initializer = keras.initializers.RandomNormal()
    layer = MECHANISMS["bahdanau"](kernel_initializer=initializer)
    layer.build(QUERY.shape, MEMORY.shape)
    query, memory = (to_numpy(w.value) for w in layer.trainable_weights if len(w.shape) == 2)
    assert (query != memory).all()


def test_an_explicit_mask_overrides_the_keras_mask():
    layer = built("general")
    ids = np.array([[4, 7, 2, 0, 0], [5, 3, 6, 8, 2]])
    embedding = keras.layers.Embedding(9, 4, mask_zero=True)
    memory = embedding(ids)
    only_first = np.arange(5) < np.array([[1], [1]])
    _, alignment = layer(QUERY, memory, memory_mask=only_first)
    assert_close(alignment, np.tile(np.eye(5, dtype="float32")[0], (2, 3, 1)))


def test_the_context_keeps_the_mask_of_the_query():
    layer = built("dot")
    query = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[4, 2, 0], [5, 3, 2]]))
    context, alignment = layer(query, MEMORY)
    mask = keras.src.backend.get_keras_mask(context)
    assert ops.convert_to_numpy(mask).tolist() == [[True, True, False], [True, True, True]]
    assert keras.src.backend.get_keras_mask(alignment) is None


def test_a_layer_keeps_no_state_between_calls():
    layer = built("bahdanau")
    expected = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK))
    before = {name: id(value) for name, value in vars(layer).items()}
    layer(normal(1, 4, seed=5), normal(1, 9, 4, seed=6))
    assert {name: id(value) for name, value in vars(layer).items()} == before
    assert_close(layer(QUERY, MEMORY, memory_mask=MASK), expected)


@pytest.mark.parametrize(
    ("query", "memory", "mask", "message"),
    [
        ((2, 4), (2, 4), None, r"`memory` must have the shape \[B, S, M\]. Received: \(2, 4\)"),
        (
            (2, 3, 4),
            (3, 5, 4),
            None,
            r"same B. Received: \(2, 3, 4\) and \(3, 5, 4\)",
        ),
        ((2, 3, 4), (2, 5, 4), (2, 4), r"`memory_mask` must have .* \(2, 4\) and \(2, 5, 4\)"),
        ((2, 4), (2, 5, 4), (2, 5, 1), r"`memory_mask` must have .* Received: \(2, 5, 1\)"),
    ],
)
def test_inputs_whose_shapes_do_not_agree_are_refused(query, memory, mask, message):
    layer = built("bahdanau")
    mask = None if mask is None else np.ones(mask, bool)
    with pytest.raises(ValueError, match=message):
        layer(np.zeros(query, "float32"), np.zeros(memory, "float32"), memory_mask=mask)


def test_checked_choice_lists_the_choices():
    assert checked_choice("b", "letter", ("a", "b")) == "b"
    with pytest.raises(ValueError, match=r"`letter` must be one of 'a', 'b'\. Received: letter=3"):
        checked_choice(3, "letter", ("a", "b"))


def test_checked_units_names_the_argument():
    assert checked_units(3, "layers") == 3
    with pytest.raises(ValueError, match=r"`layers` must be a positive integer\."):
        checked_units(0, "layers")
