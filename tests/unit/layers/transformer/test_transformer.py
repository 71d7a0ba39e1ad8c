"""The Transformer's encoder and cell are compared with the paper's equations, row by row."""

import numpy as np
import pytest
from keras import ops
from reference import masked_softmax
from support import (
    BACKEND,
    assert_close,
    check_layer,
    doubles,
    evaluated,
    gradients,
    normal,
    randomize,
    symbols,
    to_numpy,
)

from keras_attention import (
    AttentionDecoder,
    BahdanauAttention,
    LuongAttention,
    TransformerCell,
    TransformerEncoder,
)
from keras_attention.layers.transformer.sinusoids import sinusoids

LENGTHS = (4, 2)
SOURCE, MEMORY = normal(2, 4, 3, seed=1), normal(2, 4, 4, seed=2)
TARGET = normal(2, 3, 3, seed=3)
MASK = np.arange(4) < np.array(LENGTHS)[:, None]
# JAX's attention does not support float16 on a CPU.
POLICIES = ("mixed_bfloat16", *(["mixed_float16"] if BACKEND == "tensorflow" else []))
CELL = {"max_steps": 5, "heads": 2, "feed_forward": 6}


def normed(x, layer):
    gamma, beta = doubles(*layer.weights)
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) + beta


def positioned(x, layer):
    """Add the positions to the scaled and projected input (sections 3.4 and 3.5).

    All sines come before all cosines.
    """
    x = x * np.sqrt(x.shape[-1])
    if layer.projects:
        W, b = doubles(*layer.projection.weights)
        x = x @ W + b
    width = x.shape[-1]
    angles = np.array(
        [[p / 10000 ** (2 * i / width) for i in range(width // 2)] for p in range(len(x))]
    )
    return x + np.concatenate([np.sin(angles), np.cos(angles)], -1)


def self_attended(x, block, causal):
    """Compute `Concat(head_1, ...) W`, `head = softmax(Q K' / sqrt(d)) V` (equation 1, 3.2.2)."""
    y, attention = normed(x, block.norm), block.attention
    query, key, value = (
        np.einsum("td,dnh->nth", y, *doubles(*dense.weights))
        for dense in (attention.query_dense, attention.key_dense, attention.value_dense)
    )
    scores = np.einsum("nth,nsh->nts", query, key) / np.sqrt(query.shape[-1])
    visible = (
        np.tril(np.ones(scores.shape[1:], bool)) if causal else np.ones(scores.shape[1:], bool)
    )
    context = np.einsum("nts,nsh->nth", masked_softmax(scores, visible), value)
    return x + np.einsum("nth,nhd->td", context, *doubles(*attention.output_dense.weights))


def fed_forward(x, block):
    (W, b), (V, c) = doubles(*block.inner.weights), doubles(*block.outer.weights)
    return x + np.maximum(normed(x, block.norm) @ W + b, 0) @ V + c


def cross_attended(x, block, memory):
    """Attend with Luong's score "general", then project the context."""
    (W,) = doubles(*block.mechanism.key_projection.weights)
    scores = normed(x, block.norm) @ (memory @ W).T
    alignment = masked_softmax(scores, np.ones(scores.shape, bool))
    V, c = doubles(*block.output_dense.weights)
    return x + alignment @ memory @ V + c, alignment


def encoder(**options):
    layer = TransformerEncoder(4, **{"heads": 2, "feed_forward": 6, **options})
    layer(symbols(SOURCE))
    return randomize(layer)


def encode(layer, inputs, mask):
    return to_numpy(evaluated(lambda x, mask: layer(x, mask=mask), layer)(inputs, mask))


def cell(attention=None, inputs=TARGET, **options):
    layer = TransformerCell(4, attention or LuongAttention(), **{**CELL, **options})
    layer(inputs[:, 0], layer.initial_state((), MEMORY), MEMORY)
    return randomize(layer)


def all_steps(layer, target=TARGET):
    def run(target, memory, mask):
        state = layer.initial_state((), memory, mask)
        return layer.all_steps(target, state, memory, mask, layer.project(memory))

    return to_numpy(evaluated(run, layer)(target, MEMORY, MASK))


def step_by_step(layer, target=TARGET):
    def run(target, memory, mask):
        state, outputs = layer.initial_state((), memory, mask), []
        keys = layer.project(memory)
        for t in range(target.shape[1]):
            output, state, alignment = layer(target[:, t], state, memory, mask, keys)
            outputs.append((output, alignment))
        stacked = (ops.stack(parts, axis=1) for parts in zip(*outputs, strict=True))
        return (*stacked, state)

    outputs, alignment, state = to_numpy(evaluated(run, layer)(target, MEMORY, MASK))
    return outputs, state, alignment


def test_sinusoids_equal_the_papers_sinusoids_in_another_order():
    positions = np.array([0.0, 1.0, 700.0], "float32")
    found = to_numpy(sinusoids(ops.convert_to_tensor(positions), 6))
    for p, row in zip(positions, found, strict=True):
        angles = [p / 10000 ** (2 * i / 6) for i in range(3)]
        np.testing.assert_allclose(row, [*np.sin(angles), *np.cos(angles)], atol=2e-4)


@pytest.mark.parametrize("width", [3, 4])
def test_the_encoder_equals_the_paper_row_by_row(width):
    source = normal(2, 4, width, seed=1)
    layer = TransformerEncoder(4, heads=2, feed_forward=6)
    layer(symbols(source))
    randomize(layer)
    memory, ((mean,),) = encode(layer, source, MASK)
    for row, length in enumerate(LENGTHS):
        x = positioned(source[row, :length].astype("float64"), layer.positioned)
        for attention, feed_forward in zip(layer.attentions, layer.feed_forwards, strict=True):
            x = fed_forward(self_attended(x, attention, causal=False), feed_forward)
        x = normed(x, layer.norm)
        np.testing.assert_allclose(memory[row, :length], x, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mean[row], x.mean(0), rtol=1e-4, atol=1e-5)


def test_more_padding_does_not_change_the_encoders_results():
    layer = encoder()
    memory, states = encode(layer, SOURCE, MASK)
    padded = np.concatenate([SOURCE, 100 * normal(2, 3, 3, seed=4)], axis=1)
    longer, longer_states = encode(layer, padded, np.pad(MASK, ((0, 0), (0, 3))))
    assert_close(longer[:, :4][MASK], memory[MASK], rtol=1e-4, atol=1e-5)
    assert_close(longer_states, states, rtol=1e-4, atol=1e-5)


def test_a_row_of_padding_is_finite_and_has_zero_states():
    mask = np.array([[False] * 4, [True] * 4])
    memory, states = encode(encoder(), SOURCE, mask)
    assert np.isfinite(memory).all()
    assert all(not part[0].any() and part[1].any() for part in states[0])


def test_a_source_of_one_token_needs_no_mask():
    layer = encoder()
    memory, ((h,),) = to_numpy(evaluated(layer, layer)(SOURCE[:, :1]))
    assert_close(h, memory[:, 0])
    one = np.ones((2, 1), bool)
    assert_close(encode(layer, SOURCE[:, :1], one)[0], memory)


@pytest.mark.parametrize("width", [3, 4])
def test_all_steps_of_the_cell_equal_the_paper_row_by_row(width):
    target = normal(2, 3, width, seed=3)
    layer = cell(inputs=target)
    outputs, _, alignments = all_steps(layer, target)
    for row, length in enumerate(LENGTHS):
        x, weights = positioned(target[row].astype("float64"), layer.positioned), []
        blocks = layer.self_attentions, layer.cross_attentions, layer.feed_forwards
        for self_attention, cross_attention, feed_forward in zip(*blocks, strict=True):
            x = self_attended(x, self_attention, causal=True)
            x, alignment = cross_attended(x, cross_attention, MEMORY[row, :length])
            x = fed_forward(x, feed_forward)
            weights.append(alignment)
        np.testing.assert_allclose(outputs[row], normed(x, layer.norm), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(alignments[row, :, :length], np.mean(weights, 0), atol=1e-5)
        assert not alignments[row, :, length:].any()


@pytest.mark.parametrize("max_steps", [3, 5])
def test_steps_with_the_cache_equal_all_steps_at_once(max_steps):
    layer = cell(max_steps=max_steps)
    outputs, state, alignment = all_steps(layer)
    assert_close((outputs, state, alignment), step_by_step(layer), rtol=1e-4, atol=1e-5)
    assert state.taken.tolist() == [[1.0] * 3 + [0.0] * (max_steps - 3)] * 2


def test_all_steps_at_once_may_exceed_max_steps():
    layer, longer = cell(max_steps=2), cell()
    outputs, state, _ = all_steps(layer)
    expected, whole, _ = all_steps(longer)
    assert_close(outputs, expected)
    assert state.taken.tolist() == [[1.0, 1.0]] * 2
    (keys, _), (every_key, _) = state.caches[0], whole.caches[0]
    assert_close(keys, every_key[:, :, :2])
    assert (layer.longest, longer.longest) == (2, 5)


def test_the_decoder_runs_all_steps_at_once():
    layer = cell()
    decoder = AttentionDecoder(layer)
    assert not layer.recurrent and not layer.state_parts
    outputs, alignment, _ = to_numpy(
        decoder(TARGET, layer.initial_state((), MEMORY), MEMORY, memory_mask=MASK)
    )
    expected, _, weights = all_steps(layer)
    assert_close((outputs, alignment), (expected, weights), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_the_decoder_leaves_dropout_to_the_cell(name):
    message = rf"`{name}` must be 0 for a TransformerCell, .*\. Received: {name}=0\.1\."
    with pytest.raises(ValueError, match=message):
        AttentionDecoder(cell(layers=1), **{name: 0.1})


def test_every_layer_has_its_own_mechanism():
    attention = BahdanauAttention(3, normalize=True)
    layer = cell(attention)
    first, second = (block.mechanism for block in layer.cross_attentions)
    assert first is attention is layer.attention
    assert second is not attention and second.get_config() == attention.get_config()
    kernels = [to_numpy(each.key_projection.kernel.value) for each in (first, second)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1
    keys = to_numpy(layer.project(ops.convert_to_tensor(MEMORY)))
    assert_close(keys, np.concatenate([MEMORY @ kernel for kernel in kernels], -1), rtol=1e-4)


def test_gradients_of_all_steps_at_once_equal_those_of_single_steps():
    layer, pull = cell(layers=1), normal(2, 3, 4, seed=9)

    def at_once(target, memory):
        state = layer.initial_state((), memory, MASK)
        outputs, *_ = layer.all_steps(target, state, memory, MASK, layer.project(memory))
        return ops.sum(outputs * pull)

    def stepwise(target, memory):
        state, outputs = layer.initial_state((), memory, MASK), []
        for t in range(3):
            output, state, _ = layer(target[:, t], state, memory, MASK)
            outputs.append(output)
        return ops.sum(ops.stack(outputs, axis=1) * pull)

    found, expected = (
        gradients(function, layer.trainable_variables, TARGET, MEMORY)
        for function in (at_once, stepwise)
    )
    assert_close(found[1], expected[1], rtol=1e-3, atol=1e-4)


def test_dropout_is_active_only_in_training():
    layer, plain = cell(dropout=0.5), cell()
    state = layer.initial_state((), MEMORY)
    expected = to_numpy(plain(TARGET[:, 0], state, MEMORY)[0])
    assert_close(layer(TARGET[:, 0], state, MEMORY)[0], expected)
    noisy = to_numpy(layer(TARGET[:, 0], state, MEMORY, training=True)[0])
    assert np.abs(noisy - expected).max() > 1e-3
    layer, plain = encoder(dropout=0.5), encoder()
    expected = encode(plain, SOURCE, MASK)
    assert_close(encode(layer, SOURCE, MASK), expected)
    training = evaluated(lambda x: layer(x, training=True)[0], layer)
    assert np.abs(to_numpy(training(SOURCE)) - expected[0]).max() > 1e-3


def test_both_pass_the_checks_for_every_layer(tmp_path):
    layer = TransformerEncoder(4, layers=1, heads=2, feed_forward=6, dropout=0.1)
    check_layer(layer, SOURCE, MASK, tmp_path=tmp_path, policies=POLICIES)
    layer = TransformerCell(4, LuongAttention(), layers=1, **CELL)
    state = to_numpy(cell(layers=1).initial_state((), MEMORY))
    # With a single step, the weight is always 1, so query and key would have no gradient.
    state = state._replace(taken=state.taken + (np.arange(5) < 1).astype("float32"))
    state = state._replace(caches=((normal(2, 2, 5, 2, seed=6), normal(2, 2, 5, 2, seed=7)),))
    inputs = TARGET[:, 0], state, MEMORY, MASK
    check_layer(layer, *inputs, tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, r"even and a multiple of `heads`\. Received: units=4, heads=3\."),
        ({"heads": 8}, r"even and a multiple of `heads`\. Received: units=4, heads=8\."),
        ({"heads": 0}, r"`heads` must be a positive integer\. Received: heads=0\."),
        ({"units": 3, "heads": 1}, r"must be even .* Received: units=3, heads=1\."),
        ({"feed_forward": 0}, r"`feed_forward` must be a positive integer\. .*feed_forward=0\."),
        ({"layers": 0}, r"`layers` must be a positive integer\. Received: layers=0\."),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\)\. Received: dropout=1\.0\."),
    ],
)
def test_errors_name_the_wrong_argument(options, message):
    settings = {"units": 4, "heads": 2, **options}
    with pytest.raises(ValueError, match=message):
        TransformerEncoder(**settings)
    with pytest.raises(ValueError, match=message):
        TransformerCell(attention=LuongAttention(), max_steps=5, **settings)


def test_the_cell_requires_a_mechanism_max_steps_and_a_memory():
    with pytest.raises(TypeError, match=r"`attention` must be an AttentionMechanism.*=None"):
        TransformerCell(4, None, max_steps=5)
    with pytest.raises(ValueError, match=r"`max_steps` must be a positive integer.*max_steps=0"):
        TransformerCell(4, LuongAttention(), max_steps=0)
    with pytest.raises(ValueError, match=r"TransformerCell requires `memory`\. .*memory=None"):
        TransformerCell(4, LuongAttention(), max_steps=5).initial_state(())
