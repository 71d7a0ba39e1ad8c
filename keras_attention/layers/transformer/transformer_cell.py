"""The Transformer's decoder cell: all steps at once, or one step with cached keys and values."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor, map_state
from keras_attention.fast.layer_norm import LayerNorm
from keras_attention.layers.decoder_cell import NO_DROPOUT, DecoderCell, DropoutMasks
from keras_attention.layers.transformer.transformer_blocks import (
    EPSILON,
    CrossAttention,
    FeedForward,
    PositionedInput,
    SelfAttention,
)
from keras_attention.settings.arguments import checked_units
from keras_attention.settings.layer_rules import checked_sizes

Cache = tuple[Tensor, Tensor]


class TransformerState(NamedTuple):
    """The state that one decoder step passes to the next; `P` is the cell's `max_steps`.

    Attributes:
        taken: `[B, P]`, 1 for every step that has run and 0 for the others.
        caches: for each layer the keys and values of its self-attention, each
            `[B, heads, P, units / heads]`.
        attention: for each layer the state of a recurrent mechanism, otherwise `()`.
    """

    taken: Tensor
    caches: tuple[Cache, ...]
    attention: tuple[Any, ...]


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerCell(DecoderCell):
    """One step of a Transformer decoder (Vaswani et al. 2017, 3.1), or all steps at once.

    Each layer has three blocks. In the first, a step attends to itself and to earlier steps, with
    Keras's `MultiHeadAttention`. In the second, it attends to the memory, with an attention
    mechanism. The third is a feed-forward block. Each block normalises its input. The alignment is
    the mean over the layers. In search, a step reads the keys and values of earlier steps from a
    state of fixed shapes.

    Args:
        units: width of every layer, even and a multiple of `heads`.
        attention: the `AttentionMechanism` of the first layer. Every other layer creates its own
            with the same arguments.
        max_steps: the largest number of steps that a state can hold, a positive integer. Results
            of later steps are undefined. `all_steps` has no limit.
        layers: number of layers. Default 2.
        heads: heads of the self-attention. Default 4.
        feed_forward: width of the feed-forward blocks. Default `4 * units`.
        dropout: rate in [0, 1) on the output of a block, before the residual sum. Default 0.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: a `TransformerState`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed if it is None.
        dropout_masks: ignored; the blocks have their own dropout.
        training: whether dropout is active.

    Returns:
        `(output, state, alignment)`: `[B, units]`, a `TransformerState`, `[B, S]`.

    Raises:
        TypeError: if `attention` is not a mechanism.
        ValueError: if an argument is out of range or contradicts another one.

    Example:
    >>> import numpy as np
    >>> from keras_attention import LuongAttention, TransformerCell
    >>> cell = TransformerCell(8, LuongAttention("dot"), max_steps=4, heads=2)
    >>> inputs, memory = np.ones((2, 3), "float32"), np.ones((2, 5, 8), "float32")
    >>> output, state, alignment = cell(inputs, cell.initial_state((), memory), memory)
    >>> tuple(output.shape), tuple(alignment.shape)
    ((2, 8), (2, 5))

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    @property
    def state_parts(self) -> int:
        """Always 0, because the state starts empty, without a bridge."""
        return 0

    takes_dropout_masks = False

    def __init__(
        self,
        units: int,
        attention: AttentionMechanism,
        *,
        max_steps: int,
        layers: int = 2,
        heads: int = 4,
        feed_forward: int | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if attention is None:
            raise TypeError("`attention` must be an AttentionMechanism. Received: attention=None.")
        # Casting the arguments would lower the precision of the attention's float32 state too.
        super().__init__(units, attention, layers=layers, autocast=False, **kwargs)
        self.max_steps = checked_units(max_steps, "max_steps")
        self.heads = heads
        self.feed_forward = checked_sizes(units, heads, feed_forward, dropout)
        self.dropout = dropout
        config = attention.get_config()
        others = [type(attention).from_config(config) for _ in range(1, layers)]
        self._make_blocks([attention, *others], {"dropout": dropout, "dtype": self.dtype_policy})

    def _make_blocks(self, mechanisms: list[AttentionMechanism], shared: dict[str, Any]) -> None:
        policy = self.dtype_policy
        self.positioned = PositionedInput(self.units, dtype=policy, name="positioned")
        self.self_attentions = [
            SelfAttention(self.units, self.heads, name=f"self_attention_{index}", **shared)
            for index in range(self.layers)
        ]
        self.cross_attentions = [
            CrossAttention(self.units, mechanism, name=f"cross_attention_{index}", **shared)
            for index, mechanism in enumerate(mechanisms)
        ]
        self.feed_forwards = [
            FeedForward(self.units, self.feed_forward, name=f"feed_forward_{index}", **shared)
            for index in range(self.layers)
        ]
        self.norm = LayerNorm(epsilon=EPSILON, dtype=policy, name="norm")

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Create every weight from the shapes `[..., E]` and `[B, S, M]`."""
        self.positioned.build(tuple(inputs_shape))
        for block in (*self.self_attentions, *self.feed_forwards):
            block.build()
        for cross_attention in self.cross_attentions:
            cross_attention.build(tuple(memory_shape))
        self.norm.build((None, None, self.units))
        self.built = True

    @property
    def longest(self) -> int | None:
        """The largest number of steps that a state can hold."""
        return self.max_steps

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys of all layers, concatenated on the last axis."""
        keys = [block.mechanism.project(memory) for block in self.cross_attentions]
        return ops.concatenate(keys, -1)

    def initial_state(
        self, bridged: Any, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> TransformerState:
        """Return the state of the first step, with empty caches.

        Args:
            bridged: ignored.
            memory: `[B, S, M]`.
            memory_mask: `[B, S]`.

        Raises:
            ValueError: if `memory` is None.
        """
        if memory is None:
            raise ValueError(
                "the first state of a TransformerCell requires `memory`. Received: memory=None."
            )
        rows, dtype = ops.shape(memory)[0], self.compute_dtype
        empty = ops.zeros((rows, self.heads, self.max_steps, self.units // self.heads), dtype)
        attention = tuple(
            block.mechanism.initial_state(memory, memory_mask) for block in self.cross_attentions
        )
        taken = ops.zeros((rows, self.max_steps), dtype)
        return TransformerState(taken, ((empty, empty),) * self.layers, attention)

    def state_structure(self) -> TransformerState:
        """Return the state's nesting, with a 0 in place of each tensor."""
        mechanisms = [block.mechanism.state_structure() for block in self.cross_attentions]
        return TransformerState(0, ((0, 0),) * self.layers, tuple(mechanisms))

    def state_of(self, nested: Any) -> TransformerState:
        """Return `nested` as a `TransformerState`; cast all but the mechanisms' states."""
        state = super().state_of(nested)
        taken, caches = map_state(lambda x: ops.cast(x, self.compute_dtype), tuple(state[:2]))
        return TransformerState(taken, caches, state.attention)

    def call(
        self,
        inputs: Tensor,
        state: TransformerState,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        dropout_masks: DropoutMasks = NO_DROPOUT,
        training: bool = False,
    ) -> tuple[Tensor, TransformerState, Tensor]:
        """Run one step; see the class for shapes."""
        state, inputs = self.state_of(state), ops.cast(inputs, self.compute_dtype)
        # bfloat16 cannot represent every integer above 256, so count in int32.
        position = ops.sum(ops.cast(state.taken, "int32"), axis=-1)
        now = ops.equal(ops.arange(self.max_steps, dtype="int32"), position[:, None])
        visible = ops.logical_or(state.taken > 0, now)
        attended = memory, memory_mask, self._split(memory, keys), state.attention, training
        x, layers = self.positioned(inputs, position), []
        for index, block in enumerate(self.self_attentions):
            x, cache = block.step(x, state.caches[index], now, visible, training)
            x, *attention_state = self._attend(index, x, *attended)
            layers.append((cache, *attention_state))
        return self._finish(x, ops.cast(visible, x.dtype), layers)

    def all_steps(
        self,
        inputs: Tensor,
        state: TransformerState,
        memory: Tensor,
        memory_mask: Tensor | None,
        keys: Tensor,
        dropout_masks: DropoutMasks = NO_DROPOUT,
        training: bool = False,
    ) -> tuple[Tensor, TransformerState, Tensor]:
        """Run all steps at once; the returned state holds at most the first `max_steps` of them."""
        rows, steps = ops.shape(inputs)[:2]
        attended = memory, memory_mask, self._split(memory, keys), state.attention, training
        x, layers = self.positioned(inputs, ops.arange(steps)), []
        for index, block in enumerate(self.self_attentions):
            cache = tuple(map(self._fill, block.cache(x), state.caches[index]))
            x = block(x, causal=True, training=training)
            x, *attention_state = self._attend(index, x, *attended)
            layers.append((cache, *attention_state))
        taken = ops.cast(ops.arange(self.max_steps) < steps, x.dtype)
        return self._finish(x, ops.tile(taken[None], (rows, 1)), layers)

    def _split(self, memory: Tensor, keys: Tensor | None) -> list[Tensor]:
        """Split `project(memory)` into the keys of each layer."""
        keys = self.project(memory) if keys is None else keys
        return ops.split(keys, self.layers, axis=-1)

    def _fill(self, steps: Tensor, empty: Tensor) -> Tensor:
        """Return an empty cache filled with keys or values `[B, heads, T, D]` of all steps."""
        filled = ops.concatenate([steps, ops.cast(empty, steps.dtype)], axis=2)
        return filled[:, :, : self.max_steps]

    def _attend(
        self,
        index: int,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        keys: list[Tensor],
        attention: tuple[Any, ...],
        training: bool,
    ) -> tuple[Tensor, Tensor, Any]:
        """Run the blocks of a layer that follow its self-attention."""
        cross_attention, feed_forward = self.cross_attentions[index], self.feed_forwards[index]
        x, alignment, attention_state = cross_attention(
            x,
            memory,
            memory_mask=mask,
            keys=keys[index],
            state=attention[index],
            training=training,
        )
        return feed_forward(x, training=training), alignment, attention_state

    def _finish(
        self, x: Tensor, taken: Tensor, layers: list[Any]
    ) -> tuple[Tensor, TransformerState, Tensor]:
        caches, alignments, attention = zip(*layers, strict=True)
        alignment = sum(alignments[1:], alignments[0]) / self.layers
        return self.norm(x), TransformerState(taken, caches, attention), alignment
