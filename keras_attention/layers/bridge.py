"""The bridge: from the encoder's final states to the decoder's first."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor, checked_choice, checked_units
from keras_attention.attention.base.configured import Configured

KINDS = ("dense", "copy", "zero")


@keras.saving.register_keras_serializable(package="keras_attention")
class Bridge(Configured, keras.layers.Layer):
    """Makes the decoder's initial states out of the encoder's final ones.

    Decoder layer `i` starts from encoder layer `i`, or from the encoder's top layer where the
    decoder is the deeper of the two. A layer that reads in one direction has no `backward`.

    - `"dense"`: `h = tanh(W [forward_h; backward_h])` (Bahdanau et al. 2015, A.2.2) and
      `c = V [forward_c; backward_c]`.
    - `"copy"`: `[forward; backward]` where that has the decoder's width, `forward + backward`
      where each direction has it.
    - `"zero"`: zeros; the decoder learns of the source through attention alone.

    Args:
        units: the decoder's width, a positive integer.
        layers: number of decoder layers. Default 1.
        kind: which of them. Default `"dense"`.

    Call arguments:
        states: a tuple with one `(forward_h, forward_c, backward_h, backward_c)`, or `(h, c)`, for
            every encoder layer, each `[B, encoder units]`.

    Returns:
        A tuple with one `(h, c)` for every decoder layer, each `[B, units]`.

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

    def __init__(self, units: int, *, layers: int = 1, kind: str = "dense", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = checked_units(units)
        self.layers = checked_units(layers, "layers")
        self.kind = checked_choice(kind, "kind", KINDS)
        if kind == "dense":
            self.dense_h = [self._dense(f"dense_h_{i}", "tanh") for i in range(layers)]
            self.dense_c = [self._dense(f"dense_c_{i}", None) for i in range(layers)]

    def _dense(self, name: str, activation: str | None) -> keras.layers.Dense:
        return keras.layers.Dense(
            self.units, activation=activation, use_bias=False, dtype=self.dtype_policy, name=name
        )

    def build(self, states_shape: Any) -> None:
        """Makes the weights, or checks the widths, from the shapes of the encoder's states."""
        for index in range(self.layers):
            shapes = states_shape[min(index, len(states_shape) - 1)]
            width = shapes[0][-1]
            joined = width * len(shapes) // 2
            if self.kind == "dense":
                self.dense_h[index].build((None, joined))
                self.dense_c[index].build((None, joined))
            elif self.kind == "copy" and self.units not in (width, joined):
                raise ValueError(
                    f"kind='copy' needs `units` of {width} or {joined}, the width of a direction "
                    f"of the encoder or of all. Received: units={self.units}."
                )
        self.built = True

    def call(self, states: Any) -> tuple[tuple[Tensor, Tensor], ...]:
        """Bridges every decoder layer; see the class for shapes."""
        initial = []
        for index in range(self.layers):
            state = states[min(index, len(states) - 1)]
            bridge = getattr(self, f"_{self.kind}_state")
            initial.append(bridge(index, state[0::2], state[1::2]))
        return tuple(initial)

    def _dense_state(self, index: int, h: Any, c: Any) -> tuple[Tensor, Tensor]:
        return (
            self.dense_h[index](ops.concatenate(h, axis=-1)),
            self.dense_c[index](ops.concatenate(c, axis=-1)),
        )

    def _copy_state(self, index: int, h: Any, c: Any) -> tuple[Tensor, Tensor]:
        if h[0].shape[-1] == self.units:
            return sum(h[1:], h[0]), sum(c[1:], c[0])
        return ops.concatenate(h, axis=-1), ops.concatenate(c, axis=-1)

    def _zero_state(self, index: int, h: Any, c: Any) -> tuple[Tensor, Tensor]:
        zeros = ops.zeros((ops.shape(h[0])[0], self.units), dtype=self.compute_dtype)
        return zeros, zeros

    def compute_output_shape(self, states_shape: Any) -> Any:
        """Shapes of every decoder layer's `(h, c)`."""
        batch = states_shape[0][0][0]
        return tuple(((batch, self.units),) * 2 for _ in range(self.layers))
