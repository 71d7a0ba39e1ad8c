"""One step of GNMT's decoder, whose bottom layer attends."""

from typing import Any

import keras

from keras_attention.attention.base.attention_mechanism import AttentionMechanism
from keras_attention.layers.attention_cell import AttentionCell


@keras.saving.register_keras_serializable(package="keras_attention")
class GNMTCell(AttentionCell):
    """The decoder step of Google's translation system (Wu et al. 2016, section 3).

    The bottom layer's previous `h` is the query, so a step can attend before its upper layers run.
    The context is concatenated to every layer's input. The third layer and those above it add
    their input to their output (section 3.1). The top layer's `h` is the output.

    Args:
        units: width of every layer, a positive integer.
        attention: an `AttentionMechanism`.
        layers: number of layers; the paper has 8. Default 2.
        rnn: `"lstm"` (as in the paper) or `"gru"`. Default `"lstm"`.
        attention_units: width of the deep output. Default `units`.
        deep_output: as for `AttentionCell`. Default `False`.
        layer_norm: whether to apply layer normalisation in the LSTMs. Default `False`.

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
        TypeError: if `attention` is not a mechanism.
        ValueError: if an argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention import BahdanauAttention, GNMTCell
    >>> cell = GNMTCell(4, BahdanauAttention(5), layers=3)
    >>> h = c = np.zeros((2, 4), "float32")
    >>> inputs, memory = np.ones((2, 3), "float32"), np.ones((2, 5, 6), "float32")
    >>> output, state, alignment = cell(inputs, cell.initial_state(((h, c),) * 3), memory)
    >>> tuple(output.shape), [lstm.cell.kernel.shape[0] for lstm in cell.lstms]
    ((2, 4), [9, 10, 10])

    Reference:
        https://arxiv.org/abs/1609.08144
    """

    queried_layer = 0
    first_residual = 2

    def __init__(
        self,
        units: int,
        attention: AttentionMechanism,
        *,
        layers: int = 2,
        rnn: str = "lstm",
        attention_units: int | None = None,
        deep_output: bool = False,
        layer_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        if attention is None:
            raise TypeError("`attention` must be an AttentionMechanism. Received: attention=None.")
        super().__init__(
            units,
            attention,
            layers=layers,
            rnn=rnn,
            placement="before",
            attention_units=attention_units,
            deep_output=deep_output,
            layer_norm=layer_norm,
            **kwargs,
        )

    def _is_fed(self, index: int) -> bool:
        return True

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this layer."""
        config = super().get_config()
        del config["placement"], config["input_feeding"]
        return config
