import keras
import numpy as np
import pytest
from support import (
    assert_close,
    check_layer,
    evaluated,
    gradients,
    normal,
    randomize,
    symbols,
    to_numpy,
    weighted_sum,
)

from keras_attention import (
    AttentionCell,
    AttentionDecoder,
    BahdanauAttention,
    DecoderState,
    LuongAttention,
)
from keras_attention.layers.attention_cell import DropoutMasks

TARGET, MEMORY = normal(2, 3, 3, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
CELLS = {
    "before": lambda layers: AttentionCell(
        4, BahdanauAttention(5), layers=layers, placement="before"
    ),
    "after": lambda layers: AttentionCell(4, LuongAttention(), layers=layers),
    "feeding": lambda layers: AttentionCell(
        4, LuongAttention(), layers=layers, input_feeding=True, attention_units=3
    ),
    "none": lambda layers: AttentionCell(4, layers=layers),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def make(name, layers=1, **options):
    return AttentionDecoder(CELLS[name](layers), **options)


def state_of(decoder):
    cell = decoder.cell
    lstm = tuple((normal(2, 4, seed=5 + i), normal(2, 4, seed=8 + i)) for i in range(cell.layers))
    return DecoderState(lstm, normal(2, 3, seed=4) if cell.input_feeding else ())


def built(name, layers=1, **options):
    decoder = make(name, layers, **options)
    decoder(*symbols((TARGET, state_of(decoder), MEMORY)))
    return randomize(decoder)


def decode(decoder, *arguments, **options):
    call = evaluated(lambda *arrays: decoder(*arrays, **options), decoder)
    return to_numpy(call(*arguments))


@every_cell
@pytest.mark.parametrize("layers", [1, 3])
def test_equals_the_cell_step_by_step(name, layers):
    decoder = built(name, layers)
    state = state_of(decoder)
    outputs, alignments, last = decode(decoder, TARGET, state, MEMORY, MASK)
    step = evaluated(decoder.cell, decoder)
    for t in range(3):
        output, state, alignment = to_numpy(step(TARGET[:, t], state, MEMORY, MASK))
        assert_close((outputs[:, t], alignments[:, t]), (output, alignment))
    assert_close(last, state)


@every_cell
def test_return_alignment_does_not_change_the_other_results(name):
    decoder = built(name)
    arguments = TARGET, state_of(decoder), MEMORY, MASK
    outputs, _, last = decode(decoder, *arguments)
    run = evaluated(lambda *arrays: decoder(*arrays, return_alignment=False)[::2], decoder)
    assert_close(to_numpy(run(*arguments)), (outputs, last))
    assert decoder(*arguments, return_alignment=False)[1] is None


@pytest.mark.parametrize("name", ["after", "none"])
@pytest.mark.parametrize("masked", [False, True])
def test_computing_all_steps_together_gives_the_results_and_gradients_of_the_loop(name, masked):
    decoder = built(name, layers=3)
    dropout_masks = DropoutMasks(
        tuple(normal(2, 4, seed=20 + i) for i in range(2)) if masked else ()
    )
    pull = [normal(2, 3, 4, seed=30), normal(2, 3, 5, seed=31), normal(2, 4, seed=32)]
    lstm = state_of(decoder).layers

    def loss(unroll):
        def function(target, memory, h):
            state = DecoderState(((h, lstm[0][1]), *lstm[1:]))
            keys = decoder.cell.project(memory)
            outputs, last, alignment = unroll(target, state, memory, MASK, keys, dropout_masks)
            parts = outputs, alignment, last.layers[-1][1]
            return weighted_sum(parts, pull)

        return gradients(function, decoder.trainable_variables, TARGET, MEMORY, lstm[0][0])

    at_once, looped = loss(decoder.cell.all_steps), loss(decoder._step_by_step)
    assert at_once[0] == pytest.approx(looped[0], rel=1e-5)
    *others, memory, _ = looped[1]
    assert all(np.any(slope) for slope in others)
    assert np.any(memory) == (name == "after")
    assert_close(at_once[1], looped[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["before", "feeding"])
def test_cells_whose_recurrent_layers_depend_on_the_attention_run_step_by_step(name, monkeypatch):
    decoder = built(name)
    monkeypatch.setattr(decoder.cell, "all_steps", None)
    outputs, _, _ = decode(decoder, TARGET, state_of(decoder), MEMORY, MASK)
    assert outputs.shape == (2, 3, decoder.cell.output_width)


@every_cell
def test_more_padding_does_not_change_the_results(name):
    decoder = built(name)
    state = state_of(decoder)
    outputs, alignment, last = decode(decoder, TARGET, state, MEMORY, MASK)
    padded = np.concatenate([MEMORY, 100 * normal(2, 2, 6, seed=3)], axis=1)
    longer = decode(decoder, TARGET, state, padded, np.pad(MASK, ((0, 0), (0, 2))))
    assert_close(longer, (outputs, np.pad(alignment, ((0, 0), (0, 0), (0, 2))), last))


@every_cell
def test_a_keras_mask_of_the_target_is_ignored(name):
    decoder = built(name)
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    target = embedding(np.array([[4, 2, 0], [5, 3, 2]]))
    masked = to_numpy(decoder(target, state_of(decoder), MEMORY, MASK))
    assert_close(masked, decode(decoder, to_numpy(target), state_of(decoder), MEMORY, MASK))


@pytest.mark.parametrize("name", ["after", "feeding"])
def test_dropout_between_layers_is_active_only_in_training(name):
    decoder, plain = built(name, layers=2, dropout=0.5), built(name, layers=2)
    expected = decode(plain, TARGET, state_of(plain), MEMORY, MASK)
    arguments = TARGET, state_of(decoder), MEMORY, MASK
    assert_close(decode(decoder, *arguments), expected)
    noisy, _, _ = decode(decoder, *arguments, training=True)
    assert np.abs(noisy - expected[0]).max() > 1e-3


def test_each_layer_uses_one_dropout_mask_for_all_steps():
    decoder = make("feeding", layers=3, dropout=0.5, seed=1)
    dropout_masks = to_numpy(decoder._draw_masks(normal(50, 3, 3)).between)
    assert [mask.shape for mask in dropout_masks] == [(50, 4)] * 2
    assert set(np.unique(dropout_masks)) == {0.0, 2.0}
    assert (dropout_masks[0] != dropout_masks[1]).any()


@pytest.mark.parametrize("name", ["before", "after"])
def test_the_same_seed_repeats_the_dropout(name):
    first, second = (built(name, layers=2, dropout=0.5, seed=3) for _ in range(2))
    arguments = TARGET, state_of(first), MEMORY, MASK
    assert_close(
        decode(first, *arguments, training=True), decode(second, *arguments, training=True)
    )


@every_cell
def test_passes_the_checks_for_every_layer(name, tmp_path):
    decoder = make(name, layers=2, dropout=0.1, seed=1)
    check_layer(decoder, TARGET, state_of(decoder), MEMORY, MASK, tmp_path=tmp_path)


@pytest.mark.parametrize("dropout", [1.0, -0.5])
def test_dropout_must_be_a_rate(dropout):
    with pytest.raises(ValueError, match=rf"`dropout` must be in \[0, 1\).*dropout={dropout}\."):
        make("after", dropout=dropout)


@pytest.mark.parametrize("input_feeding", [False, True])
def test_a_functional_model_reloads(input_feeding, tmp_path):
    memory, target = keras.Input((5, 4)), keras.Input((3, 3))
    h = c = keras.layers.Dense(4)(memory[:, 0])
    cell = AttentionCell(4, LuongAttention("dot"), input_feeding=input_feeding)
    state = cell.initial_state(((h, c),))
    outputs, alignment, _ = AttentionDecoder(cell)(target, state, memory)
    model = keras.Model([memory, target], [outputs, alignment])
    model.save(tmp_path / "model.keras")
    inputs = [normal(2, 5, 4, seed=40), normal(2, 3, 3, seed=41)]
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(to_numpy(loaded(inputs)), to_numpy(model(inputs)))
