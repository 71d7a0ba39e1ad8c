"""The decoder over time: the attention cell at every target step."""

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
    """Runs a `DecoderCell` over all target steps: teacher forcing (Williams and Zipser 1989).

    Where nothing of the attention flows back into the recurrence (placement `"after"` without
    input feeding, or no attention), the LSTMs run over the whole target as Keras's own layers and
    all queries attend at once; otherwise the cell is looped over time. Both give what
    the cell gives step by step.

    Args:
        cell: an `AttentionCell`, or another `DecoderCell`.
        dropout: rate in [0, 1) between LSTM layers; one mask serves all steps of a sequence
            (Gal and Ghahramani 2016). Default 0, as over a `TransformerCell` it must be.
        recurrent_dropout: the same on every layer's previous `h`. Default 0.
        seed: seed of the dropout masks; `None` draws one.

    Call arguments:
        inputs: float tensor `[B, T, E]`, the embedded target shifted right by one.
        state: the state to start from, as the cell's `initial_state` gives it.
        memory: float tensor `[B, S, M]`.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real.
        training: whether dropout is active.
        return_alignment: whether the alignment is wanted. Default `True`; training does without,
            which saves `[B, T, S]` and its gradient.

    Returns:
        `(outputs, alignment, state)`: `[B, T, cell.output_width]`, `[B, T, S]` or `None`, and the
        last state.

    Raises:
        ValueError: if a rate is out of range, or the cell drops out by itself.

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
        super().__init__(autocast=False, **kwargs)  # a cast would narrow the attention's state
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
                    f"`{name}` must be 0 over a {type(self.cell).__name__}, which drops out by "
                    f"itself. Received: {name}={rate}."
                )

    def build(self, inputs_shape: Any, memory_shape: Any) -> None:
        """Makes the cell's weights."""
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
        """Decodes all steps; see the class for shapes."""
        state, inputs = self.cell.state_of(state), ops.cast(inputs, self.compute_dtype)
        dropout_masks = self._draw_masks(inputs) if training else NO_DROPOUT
        read = memory, memory_mask, self.cell.project(memory)
        if self.cell.recurrent or dropout_masks.recurrent:
            unrolled = self._step_by_step(
                inputs, state, *read, dropout_masks, training, return_alignment
            )
        else:
            unrolled = self.cell.all_steps(inputs, state, *read, dropout_masks, training)
        outputs, state, alignment = unrolled
        return outputs, alignment if return_alignment else None, state

    def _draw_masks(self, inputs: Tensor) -> DropoutMasks:
        """Dropout masks for one batch."""
        ones = ops.ones((ops.shape(inputs)[0], self.cell.units), dtype=inputs.dtype)

        def masks(rate: float, count: int) -> tuple[Tensor, ...]:
            draws = range(count if rate else 0)
            return tuple(keras.random.dropout(ones, rate, seed=self.seed_generator) for _ in draws)

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
        outputs, state = time_loop(step, state, inputs, widths, changed)
        return outputs[0], state, outputs[1] if return_alignment else None

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        """The loss masks by the target's ids, so no mask is passed on."""
        return None
