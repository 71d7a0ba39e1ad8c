"""One step of the attention decoder: what training, search and export all call."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.layers.attention_mechanism import (
    AttentionMechanism,
    Tensor,
    checked_choice,
    checked_units,
)

PLACEMENTS = ("before", "after")


class DecoderState(NamedTuple):
    """What one step hands to the next.

    Attributes:
        lstm: one `(h, c)` for every layer, each `[B, units]`.
        attentional: the previous attentional vector `[B, attention_units]` with input feeding,
            otherwise the empty tuple.
    """

    lstm: tuple[tuple[Tensor, Tensor], ...]
    attentional: Tensor | tuple[()] = ()


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionCell(keras.layers.Layer):
    """One decoder step: a stacked LSTM with attention before or after it, or without any.

    - `placement="before"` (Bahdanau et al. 2015): the top layer's previous `h` is the query, and
      the context enters the LSTM beside the input. The new `h` is the output.
    - `placement="after"` (Luong et al. 2015): the new `h` is the query, and the attentional
      vector `tanh(W [context; h])` is the output. With `input_feeding` it also enters the next
      step's LSTM beside the input.
    - `attention=None`: the plain fixed-vector decoder; `h` is the output and the alignment is
      zero everywhere.

    From the second LSTM layer on, a layer's input is added to its output.

    Args:
        units: width of every LSTM layer, a positive integer.
        attention: an `AttentionMechanism`, or `None`.
        layers: number of LSTM layers. Default 1.
        placement: `"before"` or `"after"`. Default `"after"`.
        input_feeding: whether the attentional vector is fed back; only with `"after"`.
        attention_units: width of the attentional vector; default `units`.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: a `DecoderState`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed when it is not given.
        noise: one dropout mask `[B, units]` for every layer but the first, multiplied into
            its input; `()` for none.

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

    def __init__(
        self,
        units: int,
        attention: AttentionMechanism | None = None,
        *,
        layers: int = 1,
        placement: str = "after",
        input_feeding: bool = False,
        attention_units: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.layers = checked_units(layers, "layers")
        self.attention = _checked_mechanism(attention)
        self.placement = checked_choice(placement, "placement", PLACEMENTS)
        self.input_feeding = input_feeding
        if input_feeding and not self.attends_after:
            raise ValueError(
                "`input_feeding` feeds the attentional vector, so it needs an `attention` with "
                f"placement='after'. Received: attention={attention}, placement={placement!r}."
            )
        self.attention_units = checked_units(attention_units or units, "attention_units")
        self.lstms = [self._lstm(index) for index in range(layers)]
        if self.attends_after:
            self.attentional_projection = keras.layers.Dense(
                self.attention_units,
                activation="tanh",
                use_bias=False,
                dtype=self.dtype_policy,
                name="attentional_projection",
            )

    def _lstm(self, index: int) -> keras.layers.LSTM:
        return keras.layers.LSTM(
            self.units,
            return_sequences=True,
            return_state=True,
            dtype=self.dtype_policy,
            name=f"lstm_{index}",
        )

    @property
    def attends_before(self) -> bool:
        """Whether the context enters the LSTM."""
        return self.attention is not None and self.placement == "before"

    @property
    def attends_after(self) -> bool:
        """Whether the attentional vector is the output."""
        return self.attention is not None and self.placement == "after"

    @property
    def output_width(self) -> int:
        """Width of the output that predicts."""
        return self.attention_units if self.attends_after else self.units

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Makes every weight from the shapes `[..., E]` and `[B, S, M]`."""
        memory_shape = tuple(memory_shape)
        width = inputs_shape[-1]
        if self.attends_before:
            width += memory_shape[-1]
        elif self.input_feeding:
            width += self.attention_units
        for lstm in self.lstms:
            lstm.build((None, None, width))
            width = self.units
        if self.attention is not None and not self.attention.built:
            self.attention.build((None, None, self.units), memory_shape)
        if self.attends_after:
            self.attentional_projection.build((None, self.units + memory_shape[-1]))
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Keys of `memory`, made once for all steps; the memory itself without attention."""
        return memory if self.attention is None else self.attention.project(memory)

    def initial_state(self, lstm: tuple[tuple[Tensor, Tensor], ...]) -> DecoderState:
        """The first step's state around the bridge's `lstm` states."""
        if not self.input_feeding:
            return DecoderState(lstm)
        h = lstm[-1][0]
        zeros = ops.zeros((ops.shape(h)[0], self.attention_units), dtype=h.dtype)
        return DecoderState(lstm, zeros)

    def call(
        self,
        inputs: Tensor,
        state: DecoderState,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        noise: tuple[Tensor, ...] = (),
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """Takes one step; see the class for shapes."""
        if self.attention is not None and self.placement == "before":
            query = state.lstm[-1][0]
            context, alignment = self.attention(query, memory, memory_mask=memory_mask, keys=keys)
            h, lstm = self._step_lstms(ops.concatenate([inputs, context], -1), state.lstm, noise)
            return h, DecoderState(lstm), ops.cast(alignment, h.dtype)
        if self.input_feeding:
            inputs = ops.concatenate([inputs, state.attentional], -1)
        h, lstm = self._step_lstms(inputs, state.lstm, noise)
        output, alignment = self.read_out(h, memory, memory_mask, keys)
        return output, DecoderState(lstm, output if self.input_feeding else ()), alignment

    def _step_lstms(self, x: Tensor, states: Any, noise: tuple[Tensor, ...]) -> tuple[Tensor, Any]:
        new = []
        for index, (lstm, state) in enumerate(zip(self.lstms, states, strict=True)):
            below = x * noise[index - 1] if index and noise else x
            h, state = lstm.cell(below, list(state))
            x = ops.add(x, h) if index else h
            new.append(tuple(state))
        return x, tuple(new)

    def read_out(
        self, h: Tensor, memory: Tensor, memory_mask: Tensor | None, keys: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Output and alignment for the LSTM's `h`, of one step `[B, D]` or all `[B, T, D]`."""
        if self.attention is None:
            steps = ops.shape(h)[:-1]
            return h, ops.zeros((*steps, ops.shape(memory)[1]), dtype=h.dtype)
        context, alignment = self.attention(h, memory, memory_mask=memory_mask, keys=keys)
        output = self.attentional_projection(ops.concatenate([context, h], -1))
        # A mechanism made under another policy computes in its own dtype.
        return output, ops.cast(alignment, output.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this layer."""
        return {
            **super().get_config(),
            "units": self.units,
            "attention": keras.saving.serialize_keras_object(self.attention),
            "layers": self.layers,
            "placement": self.placement,
            "input_feeding": self.input_feeding,
            "attention_units": self.attention_units,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AttentionCell":
        """Rebuilds the cell and the mechanism in it."""
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})


def _checked_mechanism(attention: Any) -> AttentionMechanism | None:
    if attention is not None and not isinstance(attention, AttentionMechanism):
        raise TypeError(
            "`attention` must be an AttentionMechanism, such as BahdanauAttention(256), or None. "
            f"Received: attention={attention!r}."
        )
    return attention
