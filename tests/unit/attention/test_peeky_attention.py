import numpy as np
import pytest
from support import assert_close, check_layer, evaluated, gradients, normal, to_numpy

from keras_attention import AttentionCell, PeekyAttention

QUERY, MEMORY = normal(2, 3, 4, seed=1), normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])


def attend(query, memory, mask):
    layer = PeekyAttention()
    call = evaluated(lambda q, m, mask: layer(q, m, memory_mask=mask), layer)
    return to_numpy(call(query, memory, mask))


def test_every_step_gets_both_ends_and_the_alignment_is_zero():
    context, alignment = attend(QUERY, MEMORY, MASK)
    for row, last in enumerate((4, 2)):
        both = np.concatenate([MEMORY[row, 0], MEMORY[row, last]])
        assert_close(context[row], np.tile(both, (3, 1)))
    assert alignment.shape == (2, 3, 5) and not alignment.any()


@pytest.mark.parametrize("mask", [None, np.ones((2, 5), bool)])
def test_without_padding_the_right_end_is_the_last_token(mask):
    context, _ = to_numpy(PeekyAttention()(QUERY[:, 0], MEMORY, memory_mask=mask))
    assert_close(context, np.concatenate([MEMORY[:, 0], MEMORY[:, -1]], -1))


def test_a_source_of_one_token_is_both_ends():
    context, _ = attend(QUERY, MEMORY, np.arange(5) < np.ones((2, 1)))
    assert_close(context[0], np.tile(np.concatenate([MEMORY[0, 0]] * 2), (3, 1)))


def test_a_row_that_is_all_padding_gets_a_zero_context():
    context, _ = attend(QUERY, MEMORY, np.array([[False] * 5, [True] * 5]))
    assert not context[0].any() and context[1].any()


def test_hypotheses_of_a_source_share_its_memory():
    context, alignment = to_numpy(PeekyAttention()(normal(6, 4), MEMORY, memory_mask=MASK))
    expected, _ = attend(QUERY, MEMORY, MASK)
    assert_close(context, expected.reshape(6, 12))
    assert alignment.shape == (6, 5)


def test_the_lstm_and_the_output_read_the_context_and_the_ends_get_gradients():
    cell = AttentionCell(4, PeekyAttention(), placement="before", deep_output=True)
    cell.build((None, 3), MEMORY.shape)
    assert cell.lstms[0].cell.kernel.shape[0] == 3 + 12
    assert cell.attentional_projection.kernel.shape[0] == 12 + 4 + 3

    def loss(memory):
        state = cell.initial_state(((QUERY[:, 0], QUERY[:, 1]),))
        return cell(normal(2, 3), state, memory, MASK)[0][0, 0]

    _, slopes = gradients(loss, cell.trainable_variables, MEMORY)
    assert slopes[-1][0, [0, 4]].all() and not slopes[-1][0, 1:4].any()


def test_passes_the_checks_of_every_layer(tmp_path):
    check_layer(PeekyAttention(), QUERY, MEMORY, MASK, tmp_path=tmp_path)
