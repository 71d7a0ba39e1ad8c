"""The embeddings of source features, which are joined to the embedding of every source token."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.attention.base.configured import Configured
from keras_attention.layers.token_embedding import TokenEmbedding
from keras_attention.settings.arguments import checked_choice, checked_units
from keras_attention.settings.layer_rules import FEATURE_MERGES


@keras.saving.register_keras_serializable(package="keras_attention")
class FeatureEmbedding(Configured, keras.layers.Layer):
    """The embeddings of a source's features, joined to the embedding of each of its tokens.

    With the features f_1 ... f_F of a source and their tables E_1 ... E_F, a token embedded as x
    becomes

        [x; E_1[f_1]; ...; E_F[f_F]]    for merge="concat"
        x + E_1[f_1] + ... + E_F[f_F]   for merge="sum"

    so that the encoder reads the features at every step, as in Sennrich and Haddow (2016).
    With the language as the only feature, "concat" is the language embedding of Peters and Martins
    (2020).

    Args:
        sizes: number of ids of each feature.
        units: width of a feature's embedding. With "sum", it must be the width of the tokens'
            embedding. Default 20.
        merge: how to join the embeddings, "concat" (default) or "sum".

    Call arguments:
        inputs: `(tokens, features)`: embedded tokens `[B, S, E]`, and the features' ids `[B, F]`.

    Returns:
        Float tensor `[B, S, E + F * units]`, or `[B, S, E]` with "sum".

    Raises:
        ValueError: if an argument is out of range.

    Example:
    >>> import numpy as np
    >>> from keras_attention.layers.feature_embedding import FeatureEmbedding
    >>> embed = FeatureEmbedding([6, 9], 3)
    >>> tuple(embed((np.ones((2, 5, 8)), np.array([[4, 5], [5, 8]]))).shape)
    (2, 5, 14)

    Reference:
        https://arxiv.org/abs/1606.02892, https://aclanthology.org/2020.sigmorphon-1.4
    """

    def __init__(
        self, sizes: Sequence[int], units: int = 20, *, merge: str = "concat", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = [checked_units(size, "sizes") for size in sizes]
        self.units = checked_units(units)
        self.merge = checked_choice(merge, "merge", FEATURE_MERGES)
        self.tables = [
            TokenEmbedding(size, units, dtype=self.dtype_policy, name=f"feature_{place}")
            for place, size in enumerate(self.sizes)
        ]

    def build(self, input_shape: Any) -> None:
        """Create the table of each feature."""
        for table in self.tables:
            table.build((None,))
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Join the embeddings; see the class for shapes."""
        tokens, features = inputs
        embedded = [table(features[:, place])[:, None] for place, table in enumerate(self.tables)]
        if self.merge == "sum":
            return tokens + sum(embedded)
        at_every_step = ops.zeros_like(tokens[:, :, :1])
        return ops.concatenate([tokens, *(row + at_every_step for row in embedded)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the joined embeddings."""
        batch, steps, width = input_shape[0]
        added = 0 if self.merge == "sum" else self.units * len(self.sizes)
        return batch, steps, width + added
