"""A layer that pools a sequence into one or a few vectors by attention with learned queries."""

from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.settings.arguments import checked_units


@keras.saving.register_keras_serializable(package="keras_attention")
class AttentionPooling(Configured, keras.layers.Layer):
    """Sums the steps of a sequence, weighted by attention with learned queries.

    A classifier needs one vector for a whole sequence. This layer learns a query `q` and returns
    the context that an attention mechanism computes for it. With `BahdanauAttention` this is the
    attention of Yang et al. (2016), equations 5 to 7, in which `W q` is the bias. With several
    queries, each query learns to attend to something different, as in Lin et al. (2017).

    Args:
        attention: the mechanism, an `AttentionMechanism`.
        queries: number of learned queries, a positive integer. Default `None`: one query, and the
            outputs have no axis of queries.
        query_units: width of a query, or `None` for the width of the sequence. Default `None`.
        initializer: Keras initializer of the queries. Default `"glorot_uniform"`.

    Call arguments:
        inputs: float tensor `[B, S, D]`, such as the outputs of an encoder.
        mask: boolean tensor `[B, S]`, True where the step is real; taken from Keras's mask
            propagation when it is not given.
        training: whether the mechanism computes its weights as in training. Default `False`.
        return_alignment: whether to return the weights too. Default `False`.

    Returns:
        `[B, D]`, or `[B, Q, D]` with `queries=Q`. With `return_alignment` also the weights,
        `[B, S]` or `[B, Q, S]`. A sequence that is all padding gets zeros.

    Raises:
        TypeError: if `attention` is not a mechanism.
        ValueError: if `queries` or `query_units` is not a positive integer, or the inputs or the
            mask have another shape.

    Example:
    >>> import numpy as np
    >>> from keras_attention import AttentionPooling, BahdanauAttention
    >>> pool = AttentionPooling(BahdanauAttention(8))
    >>> pooled, alignment = pool(np.ones((2, 5, 6), "float32"), return_alignment=True)
    >>> tuple(pooled.shape), tuple(alignment.shape)
    ((2, 6), (2, 5))

    Reference:
        https://aclanthology.org/N16-1174, https://arxiv.org/abs/1703.03130
    """

    def __init__(
        self,
        attention: AttentionMechanism,
        queries: int | None = None,
        query_units: int | None = None,
        initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(attention, AttentionMechanism):
            raise TypeError(
                "`attention` must be an AttentionMechanism, such as BahdanauAttention(units). "
                f"Received: {type(attention).__name__}."
            )
        self.attention = attention
        self.queries = None if queries is None else checked_units(queries, "queries")
        self.query_units = (
            None if query_units is None else checked_units(query_units, "query_units")
        )
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: Any) -> None:
        """Create the queries and the weights of the mechanism for a sequence `[B, S, D]`."""
        width = self.query_units or input_shape[-1]
        self.query = self.add_weight((self.queries or 1, width), self.initializer, name="query")
        if not self.attention.built:  # a loaded mechanism is built already
            self.attention.build((None, self.queries or 1, width), tuple(input_shape))
        self.built = True

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        return_alignment: bool = False,
    ) -> Any:
        """Pool a sequence; see the class for shapes."""
        query = ops.expand_dims(ops.cast(self.query, self.compute_dtype), 0)
        query = ops.repeat(query, ops.shape(inputs)[0], axis=0)  # [B, Q, query_units]
        pooled, alignment = self.attention(query, inputs, memory_mask=mask, training=training)
        if self.queries is None:
            pooled, alignment = pooled[:, 0], alignment[:, 0]
        return (pooled, alignment) if return_alignment else pooled

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        """Return no mask, because the pooled vectors have no axis of source steps."""
        return None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the pooled vectors, `[B, D]` or `[B, Q, D]`."""
        return self._shape(input_shape, self.attention.context_width(input_shape[-1]))

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        return_alignment: bool = False,
    ) -> Any:
        """Return the spec of the pooled vectors, and the spec of the weights if requested."""
        pooled = keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
        if not return_alignment:
            return pooled
        alignment = self._shape(inputs.shape, inputs.shape[1])
        return pooled, keras.KerasTensor(alignment, self.compute_dtype)

    def _shape(self, input_shape: Any, width: int | None) -> tuple[int | None, ...]:
        return (input_shape[0], *(() if self.queries is None else (self.queries,)), width)
