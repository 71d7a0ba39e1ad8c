"""The batches that a recipe trains and validates on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_attention.errors import InputError
from keras_attention.text.padded_batches import BATCH_TOKENS
from keras_attention.translation.codec import TextCodec

from ..data.pairs import Pair
from ..processes.devices import device_count
from ..recipe.recipe import Recipe
from .guides import read_guides
from .pair_batches import PairBatches
from .pointers import find_pointers
from .sequences import Guide

VALIDATION_ROWS = 256
"""Largest number of held-out pairs in a batch."""


def training_batches(recipe: Recipe, codec: TextCodec, pairs: Sequence[Pair]) -> PairBatches:
    """Return the batches of the training pairs, with the pointers and guides of the recipe.

    Raises:
        InputError: If no pair is within the recipe's limits, or an alignment does not fit a pair.
    """
    training, text = recipe.training, recipe.text
    return make_batches(
        recipe,
        codec,
        pairs,
        batch_size=training.batch_size,
        batch_tokens=training.batch_tokens,
        subword_dropout=(text.source_subword_dropout, text.target_subword_dropout),
        pointers=find_pointers(text, codec, pairs) if recipe.model.copying else None,
        guides=_read_guides(recipe, codec, pairs) if training.guided_alignment else None,
    )


def validation_batches(recipe: Recipe, codec: TextCodec, pairs: Sequence[Pair]) -> PairBatches:
    """Return the batches of the held-out pairs, with pointers but without guides.

    With guided alignment there are no pointers either, because the model would mistake them for the
    guide: it uses the last matrix of a batch.

    Raises:
        InputError: If no pair is within the recipe's limits.
    """
    has_pointers = recipe.model.copying and not recipe.training.guided_alignment
    longest = max(recipe.data.max_source_length, recipe.data.max_target_length)
    return make_batches(
        recipe,
        codec,
        pairs,
        batch_size=min(VALIDATION_ROWS, max(1, BATCH_TOKENS // longest)),
        pointers=find_pointers(recipe.text, codec, pairs) if has_pointers else None,
        noun="held-out pairs",
    )


def make_batches(
    recipe: Recipe, codec: TextCodec, pairs: Sequence[Pair], *, batch_size: int, **options: Any
) -> PairBatches:
    """Return batches of the pairs within the recipe's limits; `options` are for `PairBatches`."""
    return PairBatches(
        pairs,
        codec.source,
        codec.target,
        batch_size=batch_size,
        max_source_length=recipe.data.max_source_length,
        max_target_length=recipe.data.max_target_length,
        bucket_width=recipe.training.bucket_width,
        fixed_shapes=keras.backend.backend() == "jax",
        row_multiple=device_count(),
        seed=recipe.training_seed,
        **options,
    )


def _read_guides(recipe: Recipe, codec: TextCodec, pairs: Sequence[Pair]) -> list[Guide]:
    if recipe.text.source_subword_dropout or recipe.text.target_subword_dropout:
        raise InputError(
            "`training.guided_alignment` requires text.source_subword_dropout=0 and "
            "text.target_subword_dropout=0, because links need the same subwords in every epoch. "
            f"Received: {recipe.text.source_subword_dropout} and "
            f"{recipe.text.target_subword_dropout}."
        )
    return read_guides(recipe.data, recipe.seed, codec, pairs)
