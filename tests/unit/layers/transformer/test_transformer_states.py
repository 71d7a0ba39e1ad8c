"""A Transformer keeps the state of recurrent mechanisms in float32, even in mixed precision."""

import keras
import numpy as np
import pytest
from keras import ops
from support import BACKEND, MECHANISMS, assert_close, compiled, normal, to_numpy

from keras_attention import AttentionDecoder, TransformerCell

TARGET, MEMORY = normal(2, 3, 3, seed=3), normal(2, 4, 4, seed=2)
MASK = np.arange(4) < np.array([[4], [2]])
RECURRENT = [name for name, make in MECHANISMS.items() if make().recurrent]
CASES = [
    *((name, "mixed_bfloat16") for name in RECURRENT),
    *((name, "mixed_float16") for name in ("coverage", "local-m", "external-memory")),
]
# JAX compiles a program for each case, so run only one case there.
SELECTED = CASES if BACKEND == "tensorflow" else [("coverage", "mixed_bfloat16")]


def decoder(name, policy):
    attention = MECHANISMS[name](dtype=policy)
    cell = TransformerCell(4, attention, layers=1, max_steps=3, heads=2, dtype=policy)
    cell.build(TARGET.shape, MEMORY.shape)
    return AttentionDecoder(cell, dtype=policy)


def dtypes(state):
    return [keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(state)]


def steps(cell, target, memory):
    """Run all steps in a loop, as a search does."""

    def step(t, state, total):
        x = ops.take(target, t, axis=1)
        output, state, _ = cell(x, state, memory, memory_mask=MASK)
        return t + 1, state, total + ops.cast(output, "float32")

    loop = 0, cell.initial_state((), memory, MASK), ops.zeros((2, 4))
    return ops.while_loop(lambda t, *_: t < target.shape[1], step, loop)[1:]


@pytest.mark.parametrize(("name", "policy"), SELECTED)
def test_the_mechanisms_state_stays_float32_in_training_and_search(name, policy):
    layer = decoder(name, policy)

    def both(target, memory):
        first = layer.cell.initial_state((), memory, MASK)
        outputs, _, last = layer(target, first, memory, memory_mask=MASK)
        total = ops.sum(ops.cast(outputs, "float32"), axis=1)
        return total, last, *steps(layer.cell, target, memory)

    at_once, last, searched, stepwise = compiled(both, layer)(TARGET, MEMORY)
    compute_dtype = policy.removeprefix("mixed_")
    for state in (last, searched):
        assert set(dtypes(state.attention)) == {"float32"}
        assert set(dtypes((state.taken, state.caches))) == {compute_dtype}
    assert_close(to_numpy(at_once), to_numpy(stepwise), rtol=0.05, atol=0.15)
