"""A lexical short list, learned from the alignments of the training pairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.short_list import ShortList
from keras_attention.special_tokens import PAD_ID
from keras_attention.translation.translator import Translator

COMMON = 10
"""Number of target tokens that are always allowed, divided by the number per source token."""


def learn_short_list(translator: Translator, batches: Iterable[Any], size: int) -> ShortList:
    """Learn which target tokens each source token is aligned with most often.

    Under teacher forcing, every target token counts for the source token that has its largest
    attention weight. A target token whose weights are all zero does not count.

    Args:
        translator: a trained translator with attention.
        batches: the training pairs, as `PairBatches.once` returns them.
        size: target tokens to keep for each source token; `COMMON` times as many are always
            allowed.
    """
    sizes = len(translator.codec.source.vocabulary), len(translator.codec.target.vocabulary)
    links: list[npt.NDArray[np.int64]] = []
    model = translator.single_model
    for (source, target_in, *_), target_out in batches:
        weights, target = np.asarray(translator.align(source, target_in)), np.asarray(target_out)
        attended, (_, tokens) = weights.argmax(axis=-1), model.split_features(source)
        origins = np.take_along_axis(np.asarray(tokens), attended, axis=1).astype("int64")
        # Monotonic attention may attend to no token.
        linked = (target != PAD_ID) & weights.any(axis=-1)
        links.append((origins * sizes[1] + target)[linked])
    found, counts = np.unique(np.concatenate(links), return_counts=True)
    origins, targets = np.divmod(found, sizes[1])
    frequent = np.argsort(-np.bincount(targets, counts, sizes[1]), kind="stable")
    return ShortList(
        frequent[: COMMON * size].astype("int32"),
        _most_frequent(origins, targets, counts, (sizes[0], size)),
        sizes[1],
    )


def _most_frequent(
    origins: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    shape: tuple[int, int],
) -> npt.NDArray[np.int32]:
    """Return the targets that each origin is linked with most often.

    Args:
        origins: the source id of each kind of link.
        targets: the target id of each kind of link.
        counts: how often each kind of link was found.
        shape: number of source ids, and number of targets to keep for each of them.

    Returns:
        An array of this shape with target ids, the most frequent first, padded with 0.
    """
    order = np.lexsort((targets, -counts, origins))
    origins, targets = origins[order], targets[order]
    rank = np.arange(len(origins)) - np.searchsorted(origins, origins)
    kept = rank < shape[1]
    by_source = np.full(shape, PAD_ID, "int32")
    by_source[origins[kept], rank[kept]] = targets[kept]
    return by_source
