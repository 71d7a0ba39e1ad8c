"""The decoder: a cell that runs over all target steps."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.layers.decoder_cell import NO_DROPOUT, DecoderCell, DropoutMasks
from keras_attention.ops.time_loop import time_loop
from keras_attention.settings.arguments import checked_rate


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionDecoder(Configured, keras.layers.Layer):
    """A `DecoderCell` over all target steps, with teacher forcing (Williams and Zipser 1989).

    With placement `"after"` and no input feeding, or without attention, the recurrent layers do not
    depend on the attention. They then run over the whole target as Keras layers, and all queries
    attend at once. Otherwise the cell runs in a loop over the steps. Both ways give the same
    results as single steps of the cell.

    Args:
        cell: an `AttentionCell`, or another `DecoderCell`.
        dropout: rate in [0, 1) between recurrent layers, with one mask for all steps of a
            sequence (Gal and Ghahramani 2016). Default 0. Must be 0 for a cell with its own
            dropout, such as a `TransformerCell`.
        recurrent_dropout: rate in [0, 1) on every layer's previous `h`. The rules of `dropout`
            apply. Default 0.
        seed: seed of the dropout masks; `None` draws one at random.

    Call arguments:
        inputs: float tensor `[B, T, E]`, the embedded target shifted right by one.
        state: the first state, as the cell's `initial_state` returns it.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        training: whether dropout is active.
        return_alignment: whether to return the alignment. Default `True`. `False` saves memory:
            the tensor `[B, T, S]` and its gradient.

    Returns:
        `(outputs, alignment, state)`: `[B, T, cell.output_width]`, `[B, T, S]` or `None`, and the
        last state.

    Raises:
        ValueError: if a rate is out of range, or is set for a cell with its own dropout.

    Example:
    >>> import numpy as np
    >>> from keras_attention import AttentionCell, AttentionDecoder, LuongAttention
    >>> decoder = AttentionDecoder(AttentionCell(6, LuongAttention("dot")))
    >>> h = c = np.zeros((2, 6), "float32")
    >>> state = decoder.cell.initial_state(((h, c),))
    >>> target, memory = np.ones((2, 4, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> outputs, alignment, state = decoder(target, state, memory)
    >>> tuple(outputs.shape), tuple(alignment.shape)
    ((2, 4, 6), (2, 4, 5))

    Reference:
        https://arxiv.org/abs/1409.0473, https://arxiv.org/abs/1512.05287
    """

    def __init__(
        self,
        cell: DecoderCell,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Casting the arguments would lower the precision of the attention's float32 state too.
        super().__init__(autocast=False, **kwargs)
        self.cell = cell
        self.dropout = checked_rate(dropout)
        self.recurrent_dropout = checked_rate(recurrent_dropout, "recurrent_dropout")
        self._check_rates()
        self.seed = seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed)

    def _check_rates(self) -> None:
        for name in ("dropout", "recurrent_dropout"):
            rate = getattr(self, name)
            if rate and not self.cell.takes_dropout_masks:
                raise ValueError(
                    f"`{name}` must be 0 for a {type(self.cell).__name__}, which applies dropout "
                    f"itself. Received: {name}={rate}."
                )

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Create the cell's weights."""
        if not self.cell.built:
            self.cell.build(inputs_shape, memory_shape)
        self.built = True

    def call(
        self,
        inputs: Tensor,
        state: Any,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        training: bool = False,
        return_alignment: bool = True,
    ) -> tuple[Tensor, Tensor | None, Any]:
        """Decode all steps; see the class for shapes."""
        state, inputs = self.cell.state_of(state), ops.cast(inputs, self.compute_dtype)
        dropout_masks = self._draw_masks(inputs) if training else NO_DROPOUT
        attended = memory, memory_mask, self.cell.project(memory)
        if self.cell.recurrent or dropout_masks.recurrent:
            outputs, state, alignment = self._step_by_step(
                inputs, state, *attended, dropout_masks, training, return_alignment
            )
        else:
            outputs, state, alignment = self.cell.all_steps(
                inputs, state, *attended, dropout_masks, training
            )
        return outputs, alignment if return_alignment else None, state

    def _draw_masks(self, inputs: Tensor) -> DropoutMasks:
        """Draw the dropout masks of one batch."""
        ones = ops.ones((ops.shape(inputs)[0], self.cell.units), dtype=inputs.dtype)

        def masks(rate: float, count: int) -> tuple[Tensor, ...]:
            if not rate:
                return ()
            draw = keras.random.dropout
            return tuple(draw(ones, rate, seed=self.seed_generator) for _ in range(count))

        layers = self.cell.layers
        return DropoutMasks(masks(self.dropout, layers - 1), masks(self.recurrent_dropout, layers))

    def _step_by_step(
        self,
        inputs: Tensor,
        state: Any,
        memory: Tensor,
        mask: Any,
        keys: Tensor,
        dropout_masks: Any,
        training: bool = False,
        return_alignment: bool = True,
    ) -> tuple[Tensor, Any, Tensor | None]:
        def step(x: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
            output, state, alignment = self.cell(
                x,
                state,
                memory,
                memory_mask=mask,
                keys=keys,
                dropout_masks=dropout_masks,
                training=training,
            )
            return (output, alignment) if return_alignment else (output,), state

        widths = (self.cell.output_width, *([memory.shape[1]] if return_alignment else []))
        changed = self.cell.non_trainable_variables
        kernels = self.cell.loop_kernels if training else ()
        outputs, state = time_loop(step, state, inputs, widths, changed, kernels)
        return outputs[0], state, outputs[1] if return_alignment else None

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        """Return None: the loss derives its mask from the target ids."""
        return None
