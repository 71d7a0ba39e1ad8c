"""One step of the recurrent decoder, shared by training, search and exports."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor, map_state
from keras_attention.layers.decoder_cell import NO_DROPOUT, DecoderCell, DropoutMasks
from keras_attention.layers.recurrent import make_recurrent, masked_step
from keras_attention.ops.dense import MatrixDense
from keras_attention.ops.loop_products import LoopKernel
from keras_attention.ops.recurrence import state_dtype
from keras_attention.settings.arguments import checked_choice, checked_units
from keras_attention.settings.layer_rules import PLACEMENTS, STATE_PARTS, check_input_feeding


class DecoderState(NamedTuple):
    """The state that one decoder step passes to the next.

    Attributes:
        layers: `(h, c)` of each LSTM layer, or `(h,)` of each GRU layer, each `[B, units]`.
        attentional: the previous attentional vector `[B, attention_units]` with input feeding,
            otherwise `()`.
        attention: the state of a recurrent mechanism, otherwise `()`.
    """

    layers: tuple[tuple[Tensor, ...], ...]
    attentional: Tensor | tuple[()] = ()
    attention: Any = ()


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionCell(DecoderCell):
    """One decoder step: stacked LSTMs or GRUs, with attention before or after them, or without it.

    - `placement="before"` (Bahdanau et al. 2015): the top layer's previous `h` is the query. The
      context is concatenated to the bottom layer's input. The new `h` is the output.
    - `placement="after"` (Luong et al. 2015): the new `h` is the query. The attentional vector
      `tanh(W [context; h])` is the output. With `input_feeding` it is also concatenated to the
      bottom layer's input in the next step.
    - `attention=None`: a decoder without attention. `h` is the output and the alignment is zero.

    With `deep_output` the output is `tanh(W [context; h; input])` in either placement and
    `tanh(W [h; input])` without attention. This connects the previous token to the output directly
    (Bahdanau et al. 2015, A.2.2, with tanh instead of maxout).

    Every layer except the bottom one adds its input to its output.

    Args:
        units: width of every layer, a positive integer.
        attention: an `AttentionMechanism`, or `None`.
        layers: number of layers. Default 1.
        rnn: `"lstm"` or `"gru"` (Cho et al. 2014). Default `"lstm"`.
        placement: `"before"` or `"after"`. Default `"after"`.
        input_feeding: whether the next step receives the attentional vector; requires
            `placement="after"`. Default `False`.
        attention_units: width of the attentional vector and of the deep output. Default `units`.
        deep_output: whether the output also depends directly on the context and the input.
            Default `False`.
        layer_norm: whether to apply layer normalisation in the LSTMs (Ba et al. 2016). Default
            `False`.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: a `DecoderState`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed if it is None.
        dropout_masks: the `DropoutMasks` of the sequence.
        training: whether the step belongs to training.

    Returns:
        `(output, state, alignment)`: `[B, output_width]`, a `DecoderState`, `[B, S]`.

    Raises:
        ValueError: if an argument is out of range or cannot be combined with the others.

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
    """The index of the layer whose previous `h` is the query when the placement is "before"."""

    first_residual = 1
    """The index of the lowest layer that adds its input to its output."""

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
        # No autocast, because it would also cast the attention's float32 state to lower precision.
        super().__init__(units, attention, layers=layers, autocast=False, **kwargs)
        self.placement = checked_choice(placement, "placement", PLACEMENTS)
        self.input_feeding = input_feeding
        check_input_feeding(input_feeding, attention, placement)
        self.attention_units = checked_units(attention_units or units, "attention_units")
        self.deep_output = deep_output
        self.layer_norm = layer_norm
        self.rnn, shared = rnn, {"rnn": rnn, "layer_norm": layer_norm, "dtype": self.dtype_policy}
        # Weight files store the layers under the name of this attribute, so it holds GRUs too.
        self.lstms = [
            make_recurrent(units, name=f"{rnn}_{index}", **shared) for index in range(layers)
        ]
        if self.projects:
            self.attentional_projection = MatrixDense(
                self.attention_units,
                activation="tanh",
                use_bias=False,
                dtype=self.dtype_policy,
                name="attentional_projection",
            )

    @property
    def state_parts(self) -> int:
        """The number of tensors in the state of a layer."""
        return STATE_PARTS[self.rnn]

    @property
    def attends_before(self) -> bool:
        """Whether the context is an input of the recurrent layers."""
        return self.attention is not None and self.placement == "before"

    @property
    def attends_after(self) -> bool:
        """Whether the attentional vector is the output."""
        return self.attention is not None and self.placement == "after"

    @property
    def projects(self) -> bool:
        """Whether the output is a projection instead of the top layer's `h`."""
        return self.attends_after or self.deep_output

    @property
    def output_width(self) -> int:
        """The width of the output."""
        return self.attention_units if self.projects else self.units

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Create every weight from the shapes `[..., E]` and `[B, S, M]`."""
        memory_shape = tuple(memory_shape)
        embedding = width = inputs_shape[-1]
        fed_width = self.attention_units if self.input_feeding else 0
        if self.attends_before:
            fed_width = self._context_width(memory_shape)
        for index, layer in enumerate(self.lstms):
            layer.build((None, None, width + (fed_width if self._is_fed(index) else 0)))
            width = self.units
        if self.attention is not None and not self.attention.built:
            self.attention.build((None, None, self.units), memory_shape)
        if self.projects:
            width = self._context_width(memory_shape) + self.units
            width += embedding if self.deep_output else 0
            self.attentional_projection.build((None, width))
        self.built = True

    def _context_width(self, memory_shape: Any) -> int:
        if self.attention is None:
            return 0
        return self.attention.context_width(memory_shape[-1])

    @property
    def recurrent(self) -> bool:
        """Whether the layers receive results of attention, so that they need a loop over steps."""
        return self.attends_before or self.input_feeding

    @property
    def loop_kernels(self) -> list[LoopKernel]:
        """The weight matrices that each step multiplies by once."""
        cells = [layer.cell for layer in self.lstms]
        pairs = [(cell.kernel, cell.recurrent_kernel) for cell in cells]
        kernels = [LoopKernel(each, self.compute_dtype) for pair in pairs for each in pair]
        if self.attention is not None:
            kernels += self.attention.loop_kernels
        return [*kernels, self.attentional_projection.loop_kernel] if self.projects else kernels

    def _is_fed(self, index: int) -> bool:
        """Whether the context or attentional vector is concatenated to a layer's input."""
        return index == 0

    def initial_state(
        self,
        bridged: tuple[tuple[Tensor, ...], ...],
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> DecoderState:
        """Return the state of the first step.

        Args:
            bridged: the bridge's outputs, `(h, c)` of each LSTM layer or `(h,)` of each GRU layer.
            memory: `[B, S, M]`; required only by a recurrent mechanism.
            memory_mask: `[B, S]`; used only by a recurrent mechanism.

        Raises:
            ValueError: if the mechanism is recurrent and `memory` is None.
        """
        attention, attentional = (), ()
        if self.attention is not None and self.attention.recurrent:
            if memory is None:
                raise ValueError(
                    f"{type(self.attention).__name__} has a state, so the first state of the cell "
                    "requires `memory`. Received: memory=None."
                )
            attention = self.attention.initial_state(memory, memory_mask)
        if self.input_feeding:
            h = bridged[-1][0]
            attentional = ops.tile(ops.zeros_like(h[:, :1]), (1, self.attention_units))
        return self.state_of(DecoderState(bridged, attentional, attention))

    def state_structure(self) -> DecoderState:
        """Return the state's nesting, with a 0 in place of each tensor."""
        return DecoderState(
            ((0,) * self.state_parts,) * self.layers,
            0 if self.input_feeding else (),
            () if self.attention is None else self.attention.state_structure(),
        )

    def state_of(self, nested: Any) -> DecoderState:
        """Return `nested` as a `DecoderState`, with the states of the layers in `state_dtype`."""
        state, dtype = super().state_of(nested), state_dtype(self.compute_dtype)
        layers = map_state(lambda x: ops.cast(x, dtype), state.layers)
        attentional = map_state(lambda x: ops.cast(x, self.compute_dtype), state.attentional)
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
        """Run one step; see the class for shapes."""
        state, inputs = self.state_of(state), ops.cast(inputs, self.compute_dtype)
        attended = memory, memory_mask, keys, state.attention, training
        if self.attends_before:
            query = state.layers[self.queried_layer][0]
            context, alignment, attention_state = self._attend(query, *attended)
            h, layers = self._step_layers(inputs, context, state.layers, dropout_masks)
            output = self._project([context, h], inputs) if self.projects else h
            return output, DecoderState(layers, (), attention_state), ops.cast(alignment, h.dtype)
        fed = state.attentional if self.input_feeding else None
        h, layers = self._step_layers(inputs, fed, state.layers, dropout_masks)
        output, alignment, attention_state = self._output(h, inputs, *attended)
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
        """Run all steps at once; see `DecoderCell.all_steps`."""
        x, last = inputs, []
        for index, (layer, initial) in enumerate(zip(self.lstms, state.layers, strict=True)):
            masked = index and dropout_masks.between
            below = x * ops.expand_dims(dropout_masks.between[index - 1], 1) if masked else x
            above, *final = layer(below, initial_state=list(initial))
            x = ops.add(x, above) if index >= self.first_residual else above
            last.append(tuple(final))
        attended = memory, memory_mask, keys, state.attention, training
        outputs, alignment, attention_state = self._output(x, inputs, *attended)
        state = self.state_of(DecoderState(tuple(last), (), attention_state))
        return outputs, state, alignment

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
            h = ops.cast(new[-1][0], self.compute_dtype)
            x = ops.add(x, h) if index >= self.first_residual else h
        return x, tuple(new)

    def _output(
        self,
        h: Tensor,
        inputs: Tensor,
        memory: Tensor,
        mask: Any,
        keys: Any,
        attention_state: Any,
        training: bool,
    ) -> tuple[Tensor, Tensor, Any]:
        """Attend after the layers; return the output, the alignment and the mechanism's state.

        `h` is `[B, D]` for one step, or `[B, T, D]` for all steps.
        """
        if self.attention is None:
            steps = ops.shape(h)[:-1]
            output = self._project([h], inputs) if self.projects else h
            return output, ops.zeros((*steps, ops.shape(memory)[1]), dtype=h.dtype), ()
        context, alignment, attention_state = self._attend(
            h, memory, mask, keys, attention_state, training
        )
        output = self._project([context, h], inputs)
        # A mechanism with a different dtype policy computes in its own dtype.
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
        """Return the context, the alignment and the mechanism's next state."""
        return self.attention(  # type: ignore[misc, no-any-return]
            query,
            memory,
            memory_mask=mask,
            keys=keys,
            state=attention_state,
            training=training,
            return_state=True,
        )

    def _project(self, parts: list[Tensor], inputs: Tensor) -> Tensor:
        """Return the attentional vector, or the deep output, which also depends on `inputs`."""
        parts = [*parts, inputs] if self.deep_output else parts
        return self.attentional_projection(ops.concatenate(parts, -1))
