"""The bridge: from the encoder's final states to the decoder's first."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.settings.arguments import checked_choice, checked_units
from keras_attention.settings.layer_rules import BRIDGES


@keras.saving.register_keras_serializable(package="keras_attention")
class Bridge(Configured, keras.layers.Layer):
    """Makes the decoder's initial states out of the encoder's final ones.

    Decoder layer `i` starts from encoder layer `i`, or from the encoder's top layer where the
    decoder is the deeper of the two. A layer that reads in one direction has no `backward`.

    - `"dense"`: `h = tanh(W [forward_h; backward_h])` (Bahdanau et al. 2015, A.2.2) and, of
      LSTMs, `c = V [forward_c; backward_c]`.
    - `"copy"`: `[forward; backward]` where that has the decoder's width, `forward + backward`
      where each direction has it.
    - `"zero"`: zeros; the decoder learns of the source through attention alone.

    Args:
        units: the decoder's width, a positive integer.
        layers: number of decoder layers. Default 1.
        kind: which of them. Default `"dense"`.
        state_parts: tensors in the state of a layer: 2 of LSTMs, 1 of GRUs. Default 2.

    Call arguments:
        states: a tuple with one `(forward_h, forward_c, backward_h, backward_c)`, or `(h, c)`, for
            every encoder layer, each `[B, encoder units]`; of GRUs without `c`. An encoder that has
            no `c` may give an LSTM one tensor alone, of which both `h` and `c` are made.

    Returns:
        A tuple with one `(h, c)`, or `(h,)`, for every decoder layer, each `[B, units]`.

    Raises:
        ValueError: on an unknown `kind`, or on widths that `"copy"` cannot fit.

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
        """Makes the weights, or checks the widths, from the shapes of the encoder's states."""
        for index in range(self.layers):
            shapes = states_shape[min(index, len(states_shape) - 1)]
            parts = self._parts(shapes)
            width, joined = shapes[0][-1], sum(shape[-1] for shape in parts[0])
            if self.kind == "dense":
                for dense, part in zip(self._denses(index), parts, strict=True):
                    dense.build((None, sum(shape[-1] for shape in part)))
            elif self.kind == "copy" and self.units not in (width, joined):
                raise ValueError(
                    f"kind='copy' needs `units` of {width} or {joined}, the width of a direction "
                    f"of the encoder or of all. Received: units={self.units}."
                )
        self.built = True

    def call(self, states: Any) -> tuple[tuple[Tensor, ...], ...]:
        """Bridges every decoder layer; see the class for shapes."""
        bridges = {"dense": self._dense_state, "copy": self._copy_state, "zero": self._zero_state}
        bridge, above = bridges[self.kind], len(states) - 1
        return tuple(
            bridge(index, self._parts(states[min(index, above)])) for index in range(self.layers)
        )

    def _parts(self, state: Any) -> list[Any]:
        """All `h` of a layer's state and, of LSTMs, all `c`."""
        stride = min(self.state_parts, len(state))
        return [state[min(part, stride - 1) :: stride] for part in range(self.state_parts)]

    def _denses(self, index: int) -> list[keras.layers.Dense]:
        denses = [self.dense_h[index]]
        return denses if self.state_parts == 1 else [*denses, self.dense_c[index]]

    def _dense_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        both = zip(self._denses(index), parts, strict=True)
        return tuple(dense(ops.concatenate(part, axis=-1)) for dense, part in both)

    def _copy_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        if parts[0][0].shape[-1] == self.units:
            return tuple(sum(part[1:], part[0]) for part in parts)
        return tuple(ops.concatenate(part, axis=-1) for part in parts)

    def _zero_state(self, index: int, parts: list[Any]) -> tuple[Tensor, ...]:
        rows = ops.shape(parts[0][0])[0]
        zeros = ops.zeros((rows, self.units), dtype=self.compute_dtype)
        return (zeros,) * self.state_parts

    def compute_output_shape(self, states_shape: Any) -> Any:
        """Shapes of every decoder layer's state."""
        batch = states_shape[0][0][0]
        return (((batch, self.units),) * self.state_parts,) * self.layers
