"""One step of the attention decoder: what training, search and export all call."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor, map_state
from keras_attention.layers.decoder_cell import NO_DROPOUT, DecoderCell, DropoutMasks
from keras_attention.layers.recurrent import make_recurrent, masked_step
from keras_attention.settings.arguments import checked_choice, checked_units
from keras_attention.settings.layer_rules import PLACEMENTS, STATE_PARTS, check_input_feeding


class DecoderState(NamedTuple):
    """What one step hands to the next.

    Attributes:
        layers: one `(h, c)` for every LSTM layer or `(h,)` for every GRU layer, `[B, units]` each.
        attentional: the previous attentional vector `[B, attention_units]` with input feeding,
            otherwise the empty tuple.
        attention: the state of a recurrent mechanism, otherwise the empty tuple.
    """

    layers: tuple[tuple[Tensor, ...], ...]
    attentional: Tensor | tuple[()] = ()
    attention: Any = ()


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionCell(DecoderCell):
    """One decoder step: stacked LSTMs or GRUs, attention before or after them, or without any.

    - `placement="before"` (Bahdanau et al. 2015): the top layer's previous `h` is the query, and
      the context enters the lowest layer beside the input. The new `h` is the output.
    - `placement="after"` (Luong et al. 2015): the new `h` is the query, and the attentional
      vector `tanh(W [context; h])` is the output. With `input_feeding` it also enters the next
      step's lowest layer beside the input.
    - `attention=None`: the plain fixed-vector decoder; `h` is the output and the alignment is
      zero everywhere.

    With `deep_output` the output is `tanh(W [context; h; input])` in either placement and
    `tanh(W [h; input])` without attention: the previous token has a direct way to the next
    (Bahdanau et al. 2015, A.2.2, with tanh for the maxout).

    From the second layer on, a layer's input is added to its output.

    Args:
        units: width of every layer, a positive integer.
        attention: an `AttentionMechanism`, or `None`.
        layers: number of layers. Default 1.
        rnn: `"lstm"` or `"gru"` (Cho et al. 2014). Default `"lstm"`.
        placement: `"before"` or `"after"`. Default `"after"`.
        input_feeding: whether the attentional vector is fed back; only with `"after"`.
        attention_units: width of the attentional vector and of the deep output; default `units`.
        deep_output: whether the output also reads the context and the input. Default `False`.
        layer_norm: whether the LSTMs are layer-normalised (Ba et al. 2016). Default `False`.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: a `DecoderState`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed when it is not given.
        dropout_masks: the `DropoutMasks` of the sequence.
        training: whether this is training.

    Returns:
        `(output, state, alignment)`: `[B, output_width]`, a `DecoderState`, `[B, S]`.

    Raises:
        ValueError: if an argument is out of range or does not fit the others.

    Example:
    >>> import numpy as np
    >>> from keras_attention import AttentionCell, BahdanauAttention
    >>> cell = AttentionCell(4, BahdanauAttention(5), placement="before")
    >>> h = c = np.zeros((2, 4), "float32")
    >>> inputs, memory = np.ones((2, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> output, state, alignment = cell(inputs, cell.initial_state(((h, c),)), memory)
    >>> tuple(output.shape), tuple(alignment.shape)
    ((2, 4), (2, 5))

    Reference:
        https://arxiv.org/abs/1409.0473, https://arxiv.org/abs/1508.04025
    """

    queried_layer = -1
    """The layer whose previous `h` is the query of an attention before the LSTMs."""

    first_residual = 1
    """The lowest layer whose input is added to its output."""

    def __init__(
        self,
        units: int,
        attention: AttentionMechanism | None = None,
        *,
        layers: int = 1,
        rnn: str = "lstm",
        placement: str = "after",
        input_feeding: bool = False,
        attention_units: int | None = None,
        deep_output: bool = False,
        layer_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        # Without casts of its arguments, which would narrow the attention's state too.
        super().__init__(units, attention, layers=layers, autocast=False, **kwargs)
        self.placement = checked_choice(placement, "placement", PLACEMENTS)
        self.input_feeding = input_feeding
        check_input_feeding(input_feeding, attention, placement)
        self.attention_units = checked_units(attention_units or units, "attention_units")
        self.deep_output = deep_output
        self.layer_norm = layer_norm
        self.rnn, shared = rnn, {"rnn": rnn, "layer_norm": layer_norm, "dtype": self.dtype_policy}
        # Files hold the weights under this name, GRUs' too.
        self.lstms = [
            make_recurrent(units, name=f"{rnn}_{index}", **shared) for index in range(layers)
        ]
        if self.projects:
            self.attentional_projection = keras.layers.Dense(
                self.attention_units,
                activation="tanh",
                use_bias=False,
                dtype=self.dtype_policy,
                name="attentional_projection",
            )

    @property
    def state_parts(self) -> int:
        """How many tensors the state of a layer has."""
        return STATE_PARTS[self.rnn]

    @property
    def attends_before(self) -> bool:
        """Whether the context enters the recurrent layers."""
        return self.attention is not None and self.placement == "before"

    @property
    def attends_after(self) -> bool:
        """Whether the attentional vector is the output."""
        return self.attention is not None and self.placement == "after"

    @property
    def projects(self) -> bool:
        """Whether the output is a projection, and not the top layer's `h` itself."""
        return self.attends_after or self.deep_output

    @property
    def output_width(self) -> int:
        """Width of the output that predicts."""
        return self.attention_units if self.projects else self.units

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Makes every weight from the shapes `[..., E]` and `[B, S, M]`."""
        memory_shape = tuple(memory_shape)
        embedding = width = inputs_shape[-1]
        fed = self.attention_units if self.input_feeding else 0
        if self.attends_before:
            fed = self._context_width(memory_shape)
        for index, layer in enumerate(self.lstms):
            layer.build((None, None, width + (fed if self._is_fed(index) else 0)))
            width = self.units
        if self.attention is not None and not self.attention.built:
            self.attention.build((None, None, self.units), memory_shape)
        if self.projects:
            context = self._context_width(memory_shape)
            read = context + self.units + (embedding if self.deep_output else 0)
            self.attentional_projection.build((None, read))
        self.built = True

    def _context_width(self, memory_shape: Any) -> int:
        if self.attention is None:
            return 0
        return self.attention.context_width(memory_shape[-1])

    @property
    def recurrent(self) -> bool:
        """Whether something of the attention enters the layers, which then take step by step."""
        return self.attends_before or self.input_feeding

    def _is_fed(self, index: int) -> bool:
        """Whether the context, or the attentional vector, enters a layer beside its input."""
        return index == 0

    def initial_state(
        self,
        bridged: tuple[tuple[Tensor, ...], ...],
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> DecoderState:
        """The first step's state around the bridge's.

        Args:
            bridged: one `(h, c)` or, of GRUs, `(h,)` for every layer.
            memory: `[B, S, M]`; only a recurrent mechanism needs it, and its mask.
            memory_mask: `[B, S]`.

        Raises:
            ValueError: if `memory` is missing where it is needed.
        """
        attention, attentional = (), ()
        if self.attention is not None and self.attention.recurrent:
            if memory is None:
                raise ValueError(
                    f"{type(self.attention).__name__} remembers where it looked, so that its first "
                    "state needs `memory`. Received: memory=None."
                )
            attention = self.attention.initial_state(memory, memory_mask)
        if self.input_feeding:
            h = bridged[-1][0]
            attentional = ops.tile(ops.zeros_like(h[:, :1]), (1, self.attention_units))
        return DecoderState(bridged, attentional, attention)

    def state_structure(self) -> DecoderState:
        """The nesting of the state, with a 0 for each tensor."""
        return DecoderState(
            ((0,) * self.state_parts,) * self.layers,
            0 if self.input_feeding else (),
            () if self.attention is None else self.attention.state_structure(),
        )

    def state_of(self, nested: Any) -> DecoderState:
        """The state in `nested`, all but the attention's in the cell's dtype."""
        state = super().state_of(nested)
        layers, attentional = map_state(lambda x: ops.cast(x, self.compute_dtype), state[:2])
        return DecoderState(layers, attentional, state.attention)

    def call(
        self,
        inputs: Tensor,
        state: DecoderState,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        dropout_masks: DropoutMasks = NO_DROPOUT,
        training: bool = False,
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """Takes one step; see the class for shapes."""
        state, inputs = self.state_of(state), ops.cast(inputs, self.compute_dtype)
        read = memory, memory_mask, keys, state.attention, training
        if self.attends_before:
            query = state.layers[self.queried_layer][0]
            context, alignment, attention_state = self._attend(query, *read)
            h, layers = self._step_layers(inputs, context, state.layers, dropout_masks)
            output = self._project([context, h], inputs) if self.projects else h
            return output, DecoderState(layers, (), attention_state), ops.cast(alignment, h.dtype)
        fed = state.attentional if self.input_feeding else None
        h, layers = self._step_layers(inputs, fed, state.layers, dropout_masks)
        output, alignment, attention_state = self._read_out(h, inputs, *read)
        return (
            output,
            DecoderState(layers, output if self.input_feeding else (), attention_state),
            alignment,
        )

    def all_steps(
        self,
        inputs: Tensor,
        state: DecoderState,
        memory: Tensor,
        memory_mask: Tensor | None,
        keys: Tensor,
        dropout_masks: DropoutMasks = NO_DROPOUT,
        training: bool = False,
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """All steps at once, where the cell is not `recurrent`."""
        x, last = inputs, []
        for index, (layer, initial) in enumerate(zip(self.lstms, state.layers, strict=True)):
            masked = index and dropout_masks.between
            below = x * ops.expand_dims(dropout_masks.between[index - 1], 1) if masked else x
            above, *final = layer(below, initial_state=list(initial))
            x = ops.add(x, above) if index >= self.first_residual else above
            last.append(tuple(final))
        read = memory, memory_mask, keys, state.attention, training
        outputs, alignment, attention_state = self._read_out(x, inputs, *read)
        return outputs, DecoderState(tuple(last), (), attention_state), alignment

    def _step_layers(
        self, x: Tensor, fed: Tensor | None, states: Any, dropout_masks: DropoutMasks
    ) -> tuple[Tensor, Any]:
        new = []
        for index, (layer, state) in enumerate(zip(self.lstms, states, strict=True)):
            below = x * dropout_masks.between[index - 1] if index and dropout_masks.between else x
            if fed is not None and self._is_fed(index):
                below = ops.concatenate([below, fed], -1)
            mask = dropout_masks.recurrent[index] if dropout_masks.recurrent else None
            new.append(masked_step(layer.cell, below, state, mask))
            x = ops.add(x, new[-1][0]) if index >= self.first_residual else new[-1][0]
        return x, tuple(new)

    def _read_out(
        self,
        h: Tensor,
        inputs: Tensor,
        memory: Tensor,
        mask: Any,
        keys: Any,
        attention_state: Any,
        training: bool,
    ) -> tuple[Tensor, Tensor, Any]:
        """Output, alignment and the mechanism's state for `h` `[B, D]`, or all `[B, T, D]`."""
        if self.attention is None:
            steps = ops.shape(h)[:-1]
            output = self._project([h], inputs) if self.projects else h
            return output, ops.zeros((*steps, ops.shape(memory)[1]), dtype=h.dtype), ()
        context, alignment, attention_state = self._attend(
            h, memory, mask, keys, attention_state, training
        )
        output = self._project([context, h], inputs)
        # A mechanism made under another policy computes in its own dtype.
        return output, ops.cast(alignment, output.dtype), attention_state

    def _attend(
        self,
        query: Tensor,
        memory: Tensor,
        mask: Any,
        keys: Any,
        attention_state: Any,
        training: bool,
    ) -> tuple[Tensor, Tensor, Any]:
        """Context, alignment and the mechanism's next state."""
        return self.attention(  # type: ignore[misc, no-any-return]
            query,
            memory,
            memory_mask=mask,
            keys=keys,
            state=attention_state,
            training=training,
            return_state=True,
        )

    def _project(self, read: list[Tensor], inputs: Tensor) -> Tensor:
        """The attentional vector, or the deep output, which reads `inputs` too."""
        read = [*read, inputs] if self.deep_output else read
        return self.attentional_projection(ops.concatenate(read, -1))
