"""The heads of a Neural Turing Machine are compared with the paper's equations, slot by slot."""

import numpy as np
import pytest
from keras import ops
from reference import sigmoid, softmax
from support import (
    assert_close,
    check_layer,
    doubles,
    evaluated,
    normal,
    randomize,
    to_numpy,
)

from keras_attention import ExternalMemoryAttention
from keras_attention.attention.external_memory_attention import _one_ahead, _one_back

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 6, seed=2)
LENGTHS = (5, 3)
MASK = np.arange(5) < np.array(LENGTHS)[:, None]


def built(**options):
    layer = ExternalMemoryAttention(3, **options)
    layer.build(QUERY.shape, MEMORY.shape)
    return randomize(layer)


def softplus(x):
    return np.log1p(np.exp(x))


def addressed(made, slots, before, reach):
    """Compute a head's weights with equations 5 to 9; indices are modulo the number of slots."""
    width, count = slots.shape[1], len(slots)
    key, (beta, gate, gamma) = made[:width], made[width : width + 3]
    shifts = softmax(made[width + 3 :])
    cosines = np.array(
        [key @ slot / (np.linalg.norm(key) * np.linalg.norm(slot)) for slot in slots]
    )
    content = softmax(softplus(beta) * cosines)
    gated = sigmoid(gate) * content + (1 - sigmoid(gate)) * before
    moved = np.zeros(count)
    for i in range(count):
        for shift in range(-reach, reach + 1):
            moved[i] += gated[(i - shift) % count] * shifts[shift + reach]
    sharp = moved ** (1 + softplus(gamma))
    return sharp / sharp.sum()


def turing_machine(layer, query, memory):
    """Return contexts, alignments and the last state of one row without padding."""
    (P, p), (R, r), (W, w) = (
        doubles(*each.weights)
        for each in (layer.slot_projection, layer.read_head, layer.write_head)
    )
    slots = memory @ P + p
    read = written = np.eye(len(slots))[-1]
    contexts, alignments = [], []
    for q in query:
        made, width = q @ W + w, layer.width
        written = addressed(made[: -2 * width], slots, written, layer.reach)
        erase, add = sigmoid(made[-2 * width : -width]), made[-width:]
        slots = slots * (1 - np.outer(written, erase)) + np.outer(written, add)
        read = addressed(q @ R + r, slots, read, layer.reach)
        contexts.append(read @ slots)
        alignments.append(read)
    return np.array(contexts), np.array(alignments), (slots, read, written)


@pytest.mark.parametrize("reach", [1, 2])
def test_equals_the_papers_equations_row_by_row(reach):
    layer = built(reach=reach)

    def run(query, memory):
        return layer(query, memory, memory_mask=MASK, return_state=True)

    contexts, alignments, state = to_numpy(evaluated(run, layer)(QUERY, MEMORY))
    for row, length in enumerate(LENGTHS):
        expected = turing_machine(layer, QUERY[row], MEMORY[row, :length].astype("float64"))
        np.testing.assert_allclose(contexts[row], expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(alignments[row, :, :length], expected[1], rtol=1e-4, atol=1e-5)
        for found, values in zip(state, expected[2], strict=True):
            np.testing.assert_allclose(found[row][:length], values, rtol=1e-4, atol=1e-5)
            assert not found[row][length:].any()


def test_a_step_reads_what_the_previous_step_wrote():
    layer = built()
    _, _, state = layer(QUERY[:, 0], MEMORY, return_state=True)
    contexts = [
        to_numpy(layer(QUERY[:, 1], MEMORY, state=each)[0])
        for each in (state, (layer.initial_state(MEMORY)[0], *state[1:]))
    ]
    assert np.abs(contexts[0] - contexts[1]).max() > 0.01


@pytest.mark.parametrize("lengths", [(5, 3), (1, 2)])
def test_shifts_wrap_around_within_the_real_slots(lengths):
    real = (np.arange(5) < np.array(lengths)[:, None]).astype("float32")[:, None]
    weights = np.abs(normal(2, 1, 5, seed=3)) * real
    tensors = ops.convert_to_tensor(weights), ops.convert_to_tensor(real)
    ahead, back = to_numpy((_one_ahead(*tensors), _one_back(*tensors)))
    for row, length in enumerate(lengths):
        assert_close(ahead[row, 0, :length], np.roll(weights[row, 0, :length], 1))
        assert_close(back[row, 0, :length], np.roll(weights[row, 0, :length], -1))
        assert not ahead[row, 0, length:].any() and not back[row, 0, length:].any()


def test_a_head_that_only_shifts_reads_the_slots_in_order_at_any_length():
    layer = built()
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    kernel = normal(6, 3, seed=4)
    layer.slot_projection.kernel.assign(kernel)
    # With these biases the gate ignores content, the head always shifts one slot ahead, and nothing
    # is erased.
    layer.read_head.bias.assign([0, 0, 0, 0, -99, 0, 0, 0, 99])
    layer.write_head.bias.assign([0, 0, 0, 0, -99, 0, 0, 0, 99, -99, -99, -99, 0, 0, 0])
    query = np.zeros((2, 7, 4), "float32")
    contexts, alignments = to_numpy(layer(query, MEMORY, memory_mask=MASK))
    for row, length in enumerate(LENGTHS):
        places = np.arange(7) % length
        assert_close(alignments[row], np.eye(5, dtype="float32")[places])
        assert_close(contexts[row], (MEMORY[row] @ kernel)[places], rtol=1e-4, atol=1e-5)


def test_project_before_build_is_rejected():
    layer = ExternalMemoryAttention(3)
    for call in (layer.project, layer.initial_state):
        with pytest.raises(ValueError, match=r"`project` requires the weights of"):
            call(MEMORY)


def test_passes_the_checks_of_every_layer(tmp_path):
    layer = ExternalMemoryAttention(3, reach=2)
    assert layer.context_width(6) == 3
    check_layer(layer, QUERY, MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("name", ["width", "reach"])
def test_sizes_must_be_positive_integers(name):
    message = rf"`{name}` must be a positive integer\. Received: {name}=0\."
    with pytest.raises(ValueError, match=message):
        ExternalMemoryAttention(**{"width": 3, name: 0})
