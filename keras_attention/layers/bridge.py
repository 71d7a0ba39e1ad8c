"""The bridge from the encoder's final states to the decoder's first states."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.settings.arguments import checked_choice, checked_units
from keras_attention.settings.layer_rules import BRIDGES


@keras.saving.register_keras_serializable(package="keras_attention")
class Bridge(Configured, keras.layers.Layer):
    """A layer that computes the decoder's first states from the encoder's final states.

    Decoder layer `i` starts from encoder layer `i`, or from the encoder's top layer if the decoder
    has more layers. For an encoder layer of one direction, leave out `backward` below.

    - `"dense"`: `h = tanh(W [forward_h; backward_h])` (Bahdanau et al. 2015, A.2.2) and, for
      LSTMs, `c = V [forward_c; backward_c]`.
    - `"copy"`: `[forward; backward]` if their widths add up to the decoder's width, or
      `forward + backward` if each has the decoder's width.
    - `"zero"`: zeros. The decoder receives the source through attention only.

    Args:
        units: the decoder's width, a positive integer.
        layers: number of decoder layers. Default 1.
        kind: `"dense"`, `"copy"` or `"zero"`. Default `"dense"`.
        state_parts: number of tensors in the state of a layer: 2 for LSTMs, 1 for GRUs. Default 2.

    Call arguments:
        states: for each encoder layer a tuple `(forward_h, forward_c, backward_h, backward_c)` or
            `(h, c)`, without `c` for GRUs, of tensors `[B, encoder units]`. An encoder without `c`
            may pass a single tensor to an LSTM decoder, which computes both `h` and `c` from it.

    Returns:
        For each decoder layer a tuple `(h, c)`, or `(h,)`, of tensors `[B, units]`.

    Raises:
        ValueError: if `kind` is unknown, or if the encoder's width does not fit `"copy"`.

    Example:
    >>> import numpy as np
    >>> from keras_attention import Bridge
    >>> states = ((np.ones((2, 3), "float32"),) * 4,)
    >>> ((h, c),) = Bridge(6, kind="copy")(states)
    >>> tuple(h.shape), tuple(c.shape)
    ((2, 6), (2, 6))

    Reference:
        https://arxiv.org/abs/1409.0473
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        kind: str = "dense",
        state_parts: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.layers = checked_units(layers, "layers")
        self.kind = checked_choice(kind, "kind", BRIDGES)
        self.state_parts = checked_units(state_parts, "state_parts")
        if kind == "dense":
            self.dense_h = [self._dense(f"dense_h_{i}", "tanh") for i in range(layers)]
            if state_parts > 1:
                self.dense_c = [self._dense(f"dense_c_{i}", None) for i in range(layers)]

    def _dense(self, name: str, activation: str | None) -> keras.layers.Dense:
        return keras.layers.Dense(
            self.units, activation=activation, use_bias=False, dtype=self.dtype_policy, name=name
        )

    def build(self, states_shape: Any) -> None:
        """Create the weights, or check the widths, from the shapes of the encoder's states."""
        for index in range(self.layers):
            shapes = states_shape[min(index, len(states_shape) - 1)]
            parts = self._parts(shapes)
            width, joined = shapes[0][-1], sum(shape[-1] for shape in parts[0])
            if self.kind == "dense":
                for dense, part in zip(self._denses(index), parts, strict=True):
                    dense.build((None, sum(shape[-1] for shape in part)))
            elif self.kind == "copy" and self.units not in (width, joined):
                raise ValueError(
                    f"`units` must be {width} or {joined} with kind='copy': the width of one "
                    f"direction of the encoder, or of all. Received: units={self.units}."
                )
        self.built = True

    def call(self, states: Any) -> tuple[tuple[Tensor, ...], ...]:
        """Compute the state of every decoder layer; see the class for shapes."""
        bridges = {"dense": self._dense_state, "copy": self._copy_state, "zero": self._zero_state}
        bridge, above = bridges[self.kind], len(states) - 1
        return tuple(
            bridge(index, self._parts(states[min(index, above)])) for index in range(self.layers)
        )

    def _parts(self, state: Any) -> list[Any]:
        """Split a layer's state into a list of all `h` and, for LSTMs, a list of all `c`."""
        stride = min(self.state_parts, len(state))
        return [state[min(part, stride - 1) :: stride] for part in range(self.state_parts)]

    def _denses(self, index: int) -> list[keras.layers.Dense]:
        denses = [self.dense_h[index]]
        return denses if self.state_parts == 1 else [*denses, self.dense_c[index]]

    def _dense_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        pairs = zip(self._denses(index), parts, strict=True)
        return tuple(dense(ops.concatenate(part, axis=-1)) for dense, part in pairs)

    def _copy_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        if parts[0][0].shape[-1] == self.units:
            return tuple(sum(part[1:], part[0]) for part in parts)
        return tuple(ops.concatenate(part, axis=-1) for part in parts)

    def _zero_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        rows = ops.shape(parts[0][0])[0]
        zeros = ops.zeros((rows, self.units), dtype=self.compute_dtype)
        return (zeros,) * self.state_parts

    def compute_output_shape(self, states_shape: Any) -> Any:
        """Return the shapes of every decoder layer's state."""
        batch = states_shape[0][0][0]
        return (((batch, self.units),) * self.state_parts,) * self.layers
