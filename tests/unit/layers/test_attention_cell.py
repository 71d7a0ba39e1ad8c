import keras
import numpy as np
import pytest
from keras import ops
from reference import attend, lstm_step
from support import (
    assert_close,
    check_layer,
    doubles,
    evaluated,
    normal,
    randomize,
    symbols,
    to_numpy,
)

from keras_attention import AttentionCell, BahdanauAttention, DecoderState, LuongAttention
from keras_attention.layers.attention_cell import DropoutMasks

INPUTS, MEMORY = normal(2, 3, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
PLACEMENTS = {
    "before": {"placement": "before"},
    "after": {"placement": "after", "attention_units": 3},
    "feeding": {"placement": "after", "input_feeding": True, "attention_units": 3},
    "none": {"attention": None},
}
every_placement = pytest.mark.parametrize("name", PLACEMENTS)


def make(name, layers=1):
    return AttentionCell(
        4, **{"attention": LuongAttention("general"), **PLACEMENTS[name]}, layers=layers
    )


def state_of(cell):
    lstm = tuple((normal(2, 4, seed=5 + i), normal(2, 4, seed=8 + i)) for i in range(cell.layers))
    return DecoderState(lstm, normal(2, 3, seed=4) if cell.input_feeding else ())


def built(name, layers=1):
    cell = make(name, layers)
    cell(*symbols((INPUTS, state_of(cell), MEMORY)))
    return randomize(cell)


def step(cell, *arguments):
    return to_numpy(evaluated(cell, cell)(*arguments))


def stacked(cell, x, lstm):
    """Run the LSTMs, with residual connections from the second on; return output and new states."""
    new = []
    for index, (layer, state) in enumerate(zip(cell.lstms, lstm, strict=True)):
        h, c = lstm_step(x, state, doubles(*layer.cell.weights))
        new.append((h, c))
        x = x + h if index else h
    return x, tuple(new)


def general(cell, query):
    (W,) = doubles(cell.attention.key_projection.kernel)
    context, alignment = attend(lambda h, k, s: h @ W.T @ k, query[:, None], MEMORY, MASK)
    return context[:, 0], alignment[:, 0]


def before(cell, state):
    """Attend as in Bahdanau et al. 2015: the previous state is the query; input the context."""
    context, alignment = general(cell, state.layers[-1][0])
    h, lstm = stacked(cell, np.concatenate([INPUTS, context], -1), state.layers)
    return h, DecoderState(lstm), alignment


def after(cell, state):
    """Attend as in Luong et al. 2015: equation 5; input feeding as in section 3.3."""
    x = np.concatenate([INPUTS, state.attentional], -1) if cell.input_feeding else INPUTS
    h, lstm = stacked(cell, x, state.layers)
    context, alignment = general(cell, h)
    (W,) = doubles(cell.attentional_projection.kernel)
    vector = np.tanh(np.concatenate([context, h], -1) @ W)
    return vector, DecoderState(lstm, vector if cell.input_feeding else ()), alignment


def without(cell, state):
    """Run a step without attention, as in Sutskever et al. 2014."""
    h, lstm = stacked(cell, INPUTS, state.layers)
    return h, DecoderState(lstm), np.zeros((2, 5))


REFERENCES = {"before": before, "after": after, "feeding": after, "none": without}


@every_placement
@pytest.mark.parametrize("layers", [1, 3])
def test_equals_the_papers_equations(name, layers):
    cell = built(name, layers)
    state = state_of(cell)
    actual = step(cell, INPUTS, state, MEMORY, MASK)
    assert_close(actual, REFERENCES[name](cell, state), rtol=1e-4)


@every_placement
def test_precomputed_keys_do_not_change_the_results(name):
    cell = built(name)
    state = state_of(cell)
    keys = cell.project(ops.convert_to_tensor(MEMORY))
    expected = step(cell, INPUTS, state, MEMORY, MASK)
    assert_close(step(cell, INPUTS, state, MEMORY, MASK, keys), expected)


@every_placement
def test_more_padding_does_not_change_the_results(name):
    cell = built(name)
    state = state_of(cell)
    output, after_state, alignment = step(cell, INPUTS, state, MEMORY, MASK)
    padded = np.concatenate([MEMORY, 100 * normal(2, 2, 6, seed=3)], axis=1)
    longer = step(cell, INPUTS, state, padded, np.pad(MASK, ((0, 0), (0, 2))))
    assert_close(longer, (output, after_state, np.pad(alignment, ((0, 0), (0, 2)))))


def test_dropout_masks_multiply_the_inputs_and_states_of_layers():
    cell = built("none", layers=3)
    lstm = state_of(cell).layers
    masks = [normal(2, 4, seed=20 + i) for i in range(5)]
    dropout_masks = DropoutMasks(between=tuple(masks[:2]), recurrent=tuple(masks[2:]))
    run = evaluated(
        lambda x, lstm: cell(x, DecoderState(lstm), MEMORY, dropout_masks=dropout_masks), cell
    )
    output, state, _ = to_numpy(run(INPUTS, lstm))
    x, new = INPUTS, []
    for index, layer in enumerate(cell.lstms):
        below = x * dropout_masks.between[index - 1] if index else x
        (h, c), mask = lstm[index], dropout_masks.recurrent[index]
        new.append(lstm_step(below, (h * mask, c), doubles(*layer.cell.weights)))
        x = x + new[-1][0] if index else new[-1][0]
    assert_close((output, state.layers), (x, tuple(new)), rtol=1e-4)


@every_placement
def test_output_width_equals_the_width_of_the_output(name):
    cell = built(name)
    output, _, _ = step(cell, INPUTS, state_of(cell), MEMORY)
    assert output.shape == (2, cell.output_width)
    assert cell.output_width == (3 if name in ("after", "feeding") else 4)


@every_placement
def test_the_initial_state_has_the_same_structure_as_later_states(name):
    cell = built(name, layers=2)
    lstm = state_of(cell).layers
    first = to_numpy(cell.initial_state(lstm))
    assert_close(first.layers, lstm)
    if cell.input_feeding:
        assert_close(first.attentional, np.zeros((2, 3), "float32"))
    _, later, _ = step(cell, INPUTS, first, MEMORY)
    assert type(first) is type(later) is DecoderState
    keras.tree.assert_same_structure(first, later)
    for old, new in zip(keras.tree.flatten(first), keras.tree.flatten(later), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)


@every_placement
def test_passes_the_checks_for_every_layer(name, tmp_path):
    cell = make(name, layers=2)
    check_layer(cell, INPUTS, state_of(cell), MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("placement", ["before", "after"])
def test_a_mechanism_with_another_dtype_policy_works(placement):
    attention = BahdanauAttention(4, dtype="float32")
    cell = AttentionCell(4, attention, placement=placement, dtype="mixed_bfloat16")
    output, _, alignment = cell(INPUTS, state_of(cell), MEMORY, MASK)
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in (output, alignment)}
    assert dtypes == {"bfloat16"}


def test_attention_units_default_to_units():
    assert AttentionCell(4, LuongAttention()).output_width == 4


@pytest.mark.parametrize(
    "placement, attention, received",
    [("before", BahdanauAttention(3), "placement='before'"), ("after", None, "attention=None")],
)
def test_input_feeding_requires_an_attentional_vector(placement, attention, received):
    message = rf"`input_feeding` feeds the attentional vector to .* Received: {received}\."
    with pytest.raises(ValueError, match=message):
        AttentionCell(4, attention, placement=placement, input_feeding=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, r"`units` must be a positive integer\. Received: units=0\."),
        ({"layers": -1}, r"`layers` must be a positive integer\. Received: layers=-1\."),
        (
            {"attention_units": 2.5},
            r"`attention_units` must be a positive integer\. Received: .*2\.5",
        ),
        (
            {"placement": "middle"},
            r"`placement` must be one of 'before', 'after'\. Received: .*'mid",
        ),
    ],
)
def test_errors_name_the_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        AttentionCell(**{"units": 4, **arguments})


def test_attention_must_be_a_mechanism():
    message = r"`attention` must be an AttentionMechanism.* Received: attention='bahdanau'\."
    with pytest.raises(TypeError, match=message):
        AttentionCell(4, "bahdanau")
