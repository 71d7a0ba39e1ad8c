"""Monotonic attention and monotonic chunkwise attention."""

import numpy as np
import pytest
from keras import ops
from reference import finite_differences, sigmoid, softmax
from support import (
    assert_close,
    check_layer,
    doubles,
    gradients,
    normal,
    randomize,
    tensorflow_only,
    to_numpy,
)

from keras_attention import (
    BahdanauAttention,
    ChunkwiseAttention,
    CoverageAttention,
    LuongAttention,
    MonotonicAttention,
)
from keras_attention.attention.monotonic_attention import _expected

QUERY, MEMORY = normal(2, 4, 3, seed=1), normal(2, 7, 6, seed=2)
MASK = np.arange(7) < np.array([[7], [4]])
MAKE = {
    "monotonic": lambda **o: MonotonicAttention(LuongAttention(), noise=0, **o),
    "chunk of 1": lambda **o: ChunkwiseAttention(LuongAttention(), 1, noise=0, **o),
    "chunk of 3": lambda **o: ChunkwiseAttention(LuongAttention(), 3, noise=0, **o),
    "chunk of 9": lambda **o: ChunkwiseAttention(LuongAttention(), 9, noise=0, **o),
}
every = pytest.mark.parametrize("name", MAKE)


def built(name, scale=0.7):
    layer = MAKE[name]()
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer, scale=scale)


def weights_of(layer):
    own = layer.content.key_projection.kernel, layer.r
    if isinstance(layer, ChunkwiseAttention):
        return *own, layer.chunk_content.key_projection.kernel
    return own


def expected(stops, previous):
    """Compute the recurrence in equation 8 of Raffel et al. 2017, position by position."""
    alignment, arrives = np.zeros(len(stops)), 0.0
    for s, p in enumerate(stops):
        arrives = (arrives * (1 - stops[s - 1]) if s else 0.0) + previous[s]
        alignment[s] = p * arrives
    return alignment


def first(stops, previous):
    """Return the first stop at or after the previous step's stop (Raffel et al., algorithm 1)."""
    alignment = np.zeros(len(stops))
    for s in range(int(previous.argmax()), len(stops)):
        if previous.any() and stops[s] > 0.5:
            alignment[s] = 1
            break
    return alignment


def sparsemax(scores):
    """Compute sparsemax by Martins and Astudillo 2016, algorithm 1."""
    z = np.sort(scores)[::-1]
    thresholds = (np.cumsum(z) - 1) / np.arange(1, len(z) + 1)
    return np.maximum(scores - thresholds[z > thresholds][-1], 0)


def chunked(alignment, scores, real, width, mapping=softmax):
    """Compute the weights by Chiu and Raffel 2018, equation 22."""
    weights = np.zeros(len(alignment))
    for k, stopped in enumerate(alignment):
        inside = [s for s in range(max(0, k - width + 1), k + 1) if real[s]]
        if inside:
            weights[inside] += stopped * mapping(scores[inside])
    return weights


def paper(weights, query, memory, mask, width, step):
    contexts, alignments = [], []
    for queries, values, real in zip(query, memory, mask, strict=True):
        alignment = np.eye(len(values))[0]
        for h in queries:
            alignment = step(sigmoid(values @ weights[0] @ h + weights[1]) * real, alignment)
            weights_of_step = alignment
            if len(weights) > 2:
                weights_of_step = chunked(alignment, values @ weights[2] @ h, real, width)
            contexts.append(weights_of_step @ values)
            alignments.append(weights_of_step)
    return np.reshape(contexts, (2, 4, -1)), np.reshape(alignments, (2, 4, -1))


@every
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_papers_equations(name, mask, training):
    layer = built(name)
    everywhere = np.ones((2, 7), bool) if mask is None else mask
    width, step = getattr(layer, "chunk", 1), expected if training else first
    equations = paper(doubles(*weights_of(layer)), QUERY, MEMORY, everywhere, width, step)
    assert np.any(equations[1])
    assert_close(layer(QUERY, MEMORY, memory_mask=mask, training=training), equations)


@every
def test_gradients_equal_finite_differences_of_the_papers_equations(name):
    layer = built(name)
    variables = weights_of(layer)
    pull = normal(2, 4, 6, seed=3), normal(2, 4, 7, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK, training=True)
        return ops.sum(context * pull[0]) + ops.sum(alignment * pull[1])

    points = [*doubles(*variables), QUERY.astype("float64"), MEMORY.astype("float64")]
    width = getattr(layer, "chunk", 1)

    def reference():
        context, alignment = paper(points[:-2], *points[-2:], MASK, width, expected)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY, MEMORY)
    assert value == pytest.approx(reference(), rel=1e-5)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 50])
def test_probabilities_of_0_and_1_are_exact(size):
    rng = np.random.default_rng(size)
    stops = rng.choice([0.0, 1.0, 1e-7, 1 - 1e-7, 0.3], (4, 3, size))
    previous = rng.dirichlet(np.ones(size), (4, 3))
    rows = zip(stops.reshape(-1, size), previous.reshape(-1, size), strict=True)
    exact = np.reshape([expected(*row) for row in rows], stops.shape)
    result = _expected(*(ops.convert_to_tensor(x.astype("float32")) for x in (stops, previous)))
    assert_close(result, exact, atol=1e-7)


@tensorflow_only("only its graphs have an unknown length")
def test_a_graph_of_unknown_length_gives_the_same_result():
    import tensorflow as tf

    layer = built("chunk of 3")
    spec = tf.TensorSpec([None, None, 6])

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3]), spec])
    def slopes(query, memory):
        with tf.GradientTape() as tape:
            tape.watch(memory)
            context, alignment = layer(query, memory, training=True)
            loss = tf.reduce_sum(tf.square(context)) + tf.reduce_sum(alignment[..., 0])
        return loss, tape.gradient(loss, memory)

    for size in (1, 3, 7):
        memory = tf.constant(MEMORY[:, :size])
        assert_close(slopes(QUERY, memory), slopes.python_function(QUERY, memory))


@every
def test_inference_continues_from_the_previous_stop(name):
    layer = built(name, scale=3)
    alignment, state = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK, return_state=True)[1:])
    ends = [[row.nonzero()[0].max() for row in rows if row.any()] for rows in alignment]
    assert all(list(end) == sorted(end) for end in ends) and any(len(set(end)) > 1 for end in ends)
    assert set(np.unique(state)) <= {0.0, 1.0}


def test_a_step_that_finds_no_stop_and_all_later_steps_have_zero_weights():
    layer = MonotonicAttention(LuongAttention("dot"))
    memory = np.eye(3, dtype="float32")[None] * 2
    query = np.stack([memory[0, 1], -memory[0].sum(0), memory[0, 1]])[None]
    context, alignment = to_numpy(layer(query, memory))
    assert alignment[0].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert not context[0, 1:].any()


def test_noise_is_added_only_in_training_and_differs_between_steps():
    make = lambda noise, seed: MonotonicAttention(LuongAttention("dot"), noise=noise, seed=seed)  # noqa: E731
    noisy, plain = make(1.0, 3), make(0, None)
    query, memory = np.ones((1, 4, 6), "float32"), MEMORY[:1]
    assert_close(noisy(query, memory), plain(query, memory))
    first, second = (to_numpy(noisy(query, memory, training=True)[1]) for _ in range(2))
    calm = to_numpy(plain(query, memory, training=True)[1])
    assert np.abs(first - calm).max() > 1e-2 and np.abs(first - second).max() > 1e-2
    assert_close(make(1.0, 3)(query, memory, training=True)[1], first)


def test_noise_has_the_given_standard_deviation():
    layer = MonotonicAttention(LuongAttention("dot"), noise=2.0, initial_bias=0.5)
    query, memory = np.zeros((1, 1, 4), "float32"), np.zeros((1, 20000, 4), "float32")
    layer.build(query.shape, memory.shape)
    stops = np.asarray(to_numpy(layer._stops(query, memory, None, True)), "float64")
    energies = np.log(stops / (1 - stops))
    assert energies.mean() == pytest.approx(0.5, abs=0.1)
    assert energies.std() == pytest.approx(2.0, rel=0.05)


def test_a_chunk_can_have_another_score_and_mapping():
    within = BahdanauAttention(5, mapping="sparsemax")
    layer = ChunkwiseAttention(LuongAttention(), 4, chunk_content=within, noise=0)
    layer.build(QUERY.shape, MEMORY.shape)
    randomize(layer)
    assert layer.project(MEMORY).shape == (2, 7, 3 + 5)
    kernels = layer.content.key_projection.kernel, layer.r
    kernel, r, W, U, v = doubles(
        *kernels, within.query_projection.kernel, within.key_projection.kernel, within.v
    )
    *_, alignment = paper((kernel, r), QUERY, MEMORY, MASK, 1, expected)
    scores = np.tanh((QUERY @ W)[:, :, None] + (MEMORY @ U)[:, None]) @ v
    shares = [
        [chunked(stopped, *told, real, 4, sparsemax) for stopped, *told in zip(*row, strict=True)]
        for *row, real in zip(alignment, scores, MASK, strict=True)
    ]
    context, weights = to_numpy(layer(QUERY, MEMORY, memory_mask=MASK, training=True))
    assert_close(weights, np.array(shares))
    assert_close(context, shares @ MEMORY)
    assert (weights[0] == 0).any()


def test_the_score_within_a_chunk_has_its_own_weights():
    layer = built("chunk of 3")
    assert [w.shape for w in layer.weights] == [(), (6, 3), (6, 3)]
    assert layer.content is not layer.chunk_content


@pytest.mark.parametrize("kind", [MonotonicAttention, ChunkwiseAttention])
def test_passes_the_checks_of_every_layer(kind, tmp_path):
    layer = kind(BahdanauAttention(5, normalize=True), seed=1)
    check_layer(layer, QUERY, MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"noise": -1.0}, r"`noise` must not be negative\. Received: noise=-1\.0\."),
        ({"chunk": 0}, r"`chunk` must be a positive integer\. Received: chunk=0\."),
        (
            {"content": LuongAttention(mapping="sparsemax")},
            r"`mapping` of the score must be",
        ),
        ({"content": CoverageAttention(3)}, r"`content` must be a mechanism that only defines"),
        (
            {"chunk_content": CoverageAttention(3)},
            r"`chunk_content` must be a mechanism that only defines",
        ),
    ],
)
def test_errors_name_the_invalid_argument(options, message):
    with pytest.raises(ValueError, match=message):
        ChunkwiseAttention(**{"content": LuongAttention(), **options})
