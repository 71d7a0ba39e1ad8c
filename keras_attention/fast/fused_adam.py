"""Keras's Adam with TensorFlow's fused Adam kernel."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_attention.ops.masking import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class FusedAdam(keras.optimizers.Adam):
    """A `keras.optimizers.Adam` with learning rates per variable, and a fast update on TensorFlow.

    Keras computes the same update in a dozen operations. For 12 million weights on one core, the
    fused kernel takes two fifths of their time (`benchmarks/speed/parts.py`). Keras's own code does
    everything else: the slots, clipping, weight averages and gradient accumulation. It also does
    all updates on other backends, with sparse gradients and with AMSGrad.

    Args:
        learning_rate: the learning rate, or its schedule.
        rates: factors on the learning rate, one for each variable, in the order of the model's
            `trainable_variables`; default: 1 for all. A factor multiplies the step of the variable,
            not its moments.
        **options: arguments of `keras.optimizers.Adam`.

    Raises:
        ValueError: by `build`, if there is not one factor for each variable.

    Example:
    >>> from keras_attention.fast.fused_adam import FusedAdam
    >>> optimizer = FusedAdam(0.002, global_clipnorm=1.0, use_ema=True)
    >>> optimizer.beta_2
    0.999

    Reference:
        https://arxiv.org/abs/1412.6980
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        rates: Sequence[float] = (),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rates = tuple(rates)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the moments of the variables; if there are factors, each variable needs one."""
        if self.rates and len(self.rates) != len(variables):
            raise ValueError(
                f"`rates` must have one factor for each of the {len(variables)} variables that "
                f"are trained. Received: {len(self.rates)} factors."
            )
        super().build(variables)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config: dict[str, Any] = super().get_config()
        return {**config, "rates": list(self.rates)}

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable and its two moments."""
        place = self._get_variable_index(variable)
        if self.rates:
            learning_rate = learning_rate * self.rates[place]
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        if not isinstance(gradient, tf.Tensor):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        slots = variable, self._momentums[place], self._velocities[place]
        var, m, v = (slot if isinstance(slot, tf.Variable) else slot.value for slot in slots)
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = (tf.cast(beta, dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=var.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )
