"""The memory of a model as named tensors: the inputs and outputs of `encode` and `step`.

An ensemble has tensors of the same names as a single model. Its `values` and `keys` are those of
its members, joined on the last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_attention.models.ensemble import Ensemble, EnsembleMemory, members_of
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq import Seq2Seq

COPIES = "copies"
"""Name of the tensor in `Memory.copies`, which all members that copy share."""

Named = dict[str, tf.Tensor]

Model = Seq2Seq | Ensemble
"""A model to export. An ensemble has the same functions as a single model."""


def name_memory(memory: Memory | EnsembleMemory) -> Named:
    """Return the tensors of a memory by name.

    Args:
        memory: the memory that a model's `encode` returned.

    Returns:
        `values` `[B, S, M]` and `keys` `[B, S, U]`; for a model that copies, also `copies`
        `[B, S]`.
    """
    members = memory.members if isinstance(memory, EnsembleMemory) else (memory,)
    named = {
        "values": _join([member.values for member in members]),
        "keys": _join([member.keys for member in members]),
    }
    copies = [member.copies for member in members if not isinstance(member.copies, tuple)]
    return {**named, COPIES: copies[0]} if copies else named


def memory_of(model: Model, named: Named, mask: tf.Tensor) -> Memory | EnsembleMemory:
    """Return the memory that `name_memory` split into tensors.

    Args:
        model: the model.
        named: the tensors by name.
        mask: `[B, S]`, True where the source token is real.
    """
    if not isinstance(model, Ensemble):
        return Memory(named["values"], named["keys"], mask, named.get(COPIES, ()))
    with tf.init_scope():  # computes the widths outside of the graph that is being traced
        widths = zip(*(member.memory_widths() for member in model.models), strict=True)
    values, keys = (
        tf.split(named[name], sizes, axis=-1)
        for name, sizes in zip(("values", "keys"), widths, strict=True)
    )
    memories = (
        Memory(value, key, mask, named[COPIES] if member.settings.copying else ())
        for member, value, key in zip(model.models, values, keys, strict=True)
    )
    return EnsembleMemory(tuple(memories))


def state_structure(model: Model) -> Any:
    """Return the nesting of a model's state, with a 0 in place of each tensor."""
    structures = tuple(member.decoder.cell.state_structure() for member in members_of(model))
    return structures if isinstance(model, Ensemble) else structures[0]


def _join(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    # Without attention, the keys are the same tensor as the values. A graph's outputs must be
    # different tensors.
    return tf.concat(tensors, axis=-1) if len(tensors) > 1 else tf.identity(tensors[0])
