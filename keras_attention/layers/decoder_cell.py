"""The base class of decoder cells, and the dropout masks that they apply."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.ops.loop_products import LoopKernel
from keras_attention.settings.arguments import checked_units


class DropoutMasks(NamedTuple):
    """Dropout masks for all steps of a sequence (Gal and Ghahramani 2016).

    Attributes:
        between: a mask `[B, units]` for the input of each layer except the bottom one, or `()`.
        recurrent: a mask `[B, units]` for the previous `h` of each layer, or `()`.
    """

    between: tuple[Tensor, ...] = ()
    recurrent: tuple[Tensor, ...] = ()


NO_DROPOUT = DropoutMasks()


class DecoderCell(Configured, keras.layers.Layer):
    """Base class of decoder cells: one decoder step, for `AttentionDecoder`, search and exports.

    A subclass overrides `build`, `initial_state`, `state_structure`, `call` and, unless it is
    always `recurrent`, `all_steps`. Its state is a nested tuple of tensors `[B, ...]`. A step must
    keep the shape and dtype of each tensor: searches repeat, reorder and drop its rows, and exports
    give it a name.

    Args:
        units: width of every layer, a positive integer.
        attention: an `AttentionMechanism`, or `None`.
        layers: number of layers. Default 1.

    Call arguments:
        inputs: float tensor `[B, E]`, the embedded previous token.
        state: the state that the previous step, or `initial_state`, returned.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        keys: `project(memory)`; computed if it is None.
        dropout_masks: the `DropoutMasks` of the sequence.
        training: whether the step belongs to training.

    Returns:
        `(output, state, alignment)`: `[B, output_width]`, the next state, `[B, S]`.
    """

    takes_dropout_masks = True
    """Whether a step applies its `dropout_masks`; False for a cell with its own dropout."""

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
        """The number of tensors per layer that the bridge computes; 0 if there is no bridge."""
        return 2

    @property
    def recurrent(self) -> bool:
        """Whether a step depends on the previous step's output, so that the steps need a loop."""
        return False

    @property
    def output_width(self) -> int:
        """The width of the output."""
        return self.units

    @property
    def longest(self) -> int | None:
        """The largest number of steps that a state can hold, or `None` for no limit."""
        return None

    @property
    def loop_kernels(self) -> Sequence[LoopKernel]:
        """The weight matrices that each step multiplies by once, with `loop_products.product`.

        TensorFlow computes their gradients faster than those of other weights.
        """
        return ()

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys of `memory` for all steps, or `memory` itself without attention."""
        return memory if self.attention is None else self.attention.project(memory)

    def initial_state(
        self, bridged: Any, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Any:
        """Return the state of the first step, with one row per source.

        Args:
            bridged: the bridge's outputs, or `()` if `state_parts` is 0.
            memory: `[B, S, M]`.
            memory_mask: `[B, S]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `initial_state`.")

    def state_structure(self) -> Any:
        """Return the state's nesting, with a 0 in place of each tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define `state_structure`.")

    def state_of(self, nested: Any) -> Any:
        """Return the tensors of `nested` in the nested tuples of the state.

        Keras turns tuples into lists when it loads a model.
        """
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
        """Run all steps at once, with the same results as a `call` for each step.

        Every cell that is not `recurrent` overrides this method.

        Args:
            inputs: `[B, T, E]`.
            state: the first state.
            memory: `[B, S, M]`.
            memory_mask: `[B, S]`, or None.
            keys: `project(memory)`.
            dropout_masks: as in `call`, but without recurrent masks.
            training: whether the steps belong to training.

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
