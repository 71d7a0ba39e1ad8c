"""What every decoder cell shares: its mechanism, and what a loop over time may ask of it."""

from typing import Any, NamedTuple

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.settings.arguments import checked_units


class DropoutMasks(NamedTuple):
    """Dropout masks that serve every step of a sequence (Gal and Ghahramani 2016).

    Attributes:
        between: one mask `[B, units]` for the input of every layer but the first, or `()`.
        recurrent: one mask `[B, units]` for the previous `h` of every layer, or `()`.
    """

    between: tuple[Tensor, ...] = ()
    recurrent: tuple[Tensor, ...] = ()


NO_DROPOUT = DropoutMasks()


class DecoderCell(Configured, keras.layers.Layer):
    """Base class of one decoder step; search, exports and `AttentionDecoder` call nothing else.

    A cell overrides `build`, `initial_state`, `state_structure`, `call` and, unless it is always
    `recurrent`, `all_steps`. Its state is a nested tuple of tensors `[B, ...]`, whose shapes and
    dtypes no step changes: searches repeat, reorder and drop the rows, exports name the tensors.

    Args:
        units: width of every layer, a positive integer.
        attention: an `AttentionMechanism`, or `None`.
        layers: number of layers. Default 1.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: what the step before returned, or `initial_state`.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed when it is not given.
        dropout_masks: the `DropoutMasks` of the sequence.
        training: whether this is training.

    Returns:
        `(output, state, alignment)`: `[B, output_width]`, the next state, `[B, S]`.
    """

    takes_dropout_masks = True
    """Whether a step heeds its `dropout_masks`; other cells drop out by themselves."""

    def __init__(
        self,
        units: int,
        attention: AttentionMechanism | None = None,
        *,
        layers: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.layers = checked_units(layers, "layers")
        self.attention = _checked_mechanism(attention)

    @property
    def state_parts(self) -> int:
        """How many tensors of a layer's state the bridge makes; 0 for a state of another kind."""
        return 2

    @property
    def recurrent(self) -> bool:
        """Whether a step's output needs that of the step before, so that all steps need a loop."""
        return False

    @property
    def output_width(self) -> int:
        """Width of the output that predicts."""
        return self.units

    @property
    def longest(self) -> int | None:
        """How many steps a state has room for; `None` for any number."""
        return None

    def project(self, memory: Tensor) -> Tensor:
        """Keys of `memory`, made once for all steps; the memory itself without attention."""
        return memory if self.attention is None else self.attention.project(memory)

    def initial_state(
        self, bridged: Any, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Any:
        """The first step's state, of one hypothesis a source.

        Args:
            bridged: what the bridge made, `()` where `state_parts` is 0.
            memory: `[B, S, M]`.
            memory_mask: `[B, S]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `initial_state`.")

    def state_structure(self) -> Any:
        """The nesting of the state, with a 0 for each tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define `state_structure`.")

    def state_of(self, nested: Any) -> Any:
        """The state in `nested`; Keras makes lists of it when it reloads a functional model."""
        tensors = keras.tree.flatten(nested)
        return keras.tree.pack_sequence_as(self.state_structure(), tensors)

    def all_steps(
        self,
        inputs: Tensor,
        state: Any,
        memory: Tensor,
        memory_mask: Tensor | None,
        keys: Tensor,
        dropout_masks: DropoutMasks = NO_DROPOUT,
        training: bool = False,
    ) -> tuple[Tensor, Any, Tensor]:
        """All steps of a cell that is not `recurrent`: what `call` gives one after the other.

        Args:
            inputs: `[B, T, E]`.
            state: the first state.
            memory: `[B, S, M]`.
            memory_mask: `[B, S]`, or None.
            keys: `project(memory)`.
            dropout_masks: as `call` takes it, without `recurrent`.
            training: whether this is training.

        Returns:
            `(outputs, state, alignment)`: `[B, T, output_width]`, the last state, `[B, T, S]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `all_steps`.")


def _checked_mechanism(attention: Any) -> AttentionMechanism | None:
    if attention is not None and not isinstance(attention, AttentionMechanism):
        raise TypeError(
            "`attention` must be an AttentionMechanism, such as BahdanauAttention(256), or None. "
            f"Received: attention={attention!r}."
        )
    return attention
