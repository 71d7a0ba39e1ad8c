"""Ensembles: several models that search as one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.kinds import check_kind
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq import Seq2Seq

_LOWEST = float(np.finfo("float32").min)


class EnsembleMemory(NamedTuple):
    """The memories of all members of an ensemble.

    Attributes:
        members: the `Memory` of each member.
    """

    members: tuple[Memory, ...]

    @property
    def mask(self) -> Tensor:
        """The mask `[B, S]` of the source, which is the same for all members."""
        return self.members[0].mask

    def take(self, rows: Tensor) -> "EnsembleMemory":
        """Return the memory of the sources at the indices `rows` `[R]`."""
        return EnsembleMemory(tuple(member.take(rows) for member in self.members))


class Ensemble:
    """Several models with the same vocabularies that search as one model.

    The probability of a token, and the alignment, are the means over the members:

        log p(y | y_<, x) = log((p_1(y | y_<, x) + ... + p_n(y | y_<, x)) / n)

    Args:
        models: at least one `Seq2Seq`. All must have the same number of source ids, of target ids
            and of ids of each source feature; other settings may differ.

    Raises:
        ValueError: if there is no model, if a model is of a different class, or if the numbers of
            ids differ.

    Example:
        >>> import numpy as np
        >>> from keras_attention import Ensemble, Seq2Seq, search
        >>> ensemble = Ensemble([Seq2Seq(10, 12, units=units, embedding=4) for units in (4, 8)])
        >>> hypotheses = search(ensemble, np.array([[5, 6, 2]]), max_length=7, beam_width=4)
        >>> tuple(hypotheses.tokens.shape)
        (1, 4, 7)
    """

    def __init__(self, models: Sequence[Seq2Seq]) -> None:
        self.models = tuple(models)
        if not self.models:
            raise ValueError("`models` must contain at least one model. Received: none.")
        for model in self.models:
            check_kind(model, Seq2Seq)
        sizes = [model.vocabulary_sizes for model in self.models]
        if len(set(sizes)) > 1:
            raise ValueError(
                "`models` must have the same numbers of source and of target ids. "
                f"Received: {', '.join(map(str, sizes))}."
            )
        features = [model.source_features for model in self.models]
        if len(set(features)) > 1:
            raise ValueError(
                "`models` must have the same `source_features`. "
                f"Received: {', '.join(map(str, features))}."
            )
        self.vocabulary_sizes, self.source_features = sizes[0], features[0]

    @property
    def longest(self) -> int | None:
        """The largest number of steps of a search, or `None` for no limit."""
        limits = [model.longest for model in self.models if model.longest is not None]
        return min(limits, default=None)

    def split_features(self, source: Tensor) -> tuple[Tensor | None, Tensor]:
        """Split sources into features and tokens, as `Seq2Seq.split_features` does."""
        return self.models[0].split_features(source)

    def encode(self, source: Tensor) -> tuple[EnsembleMemory, tuple[Any, ...]]:
        """Return the members' memories of source ids `[B, S]`, and their first states."""
        encoded = [model.encode(source) for model in self.models]
        memories, states = zip(*encoded, strict=True)
        return EnsembleMemory(memories), states

    def step(
        self, tokens: Tensor, state: tuple[Any, ...], memory: EnsembleMemory
    ) -> tuple[Tensor, tuple[Any, ...], Tensor]:
        """Run one step of a search, as `Seq2Seq.step` does.

        Args:
            tokens: previous target ids `[B]`.
            state: the members' states that the previous step, or `encode`, returned.
            memory: the memories that `encode` returned.

        Returns:
            `(log_probabilities, state, alignment)`: `[B, V]`, the next states, `[B, S]`.
        """
        members = zip(self.models, state, memory.members, strict=True)
        steps = [model.step(tokens, *member) for model, *member in members]
        logits, states, alignments = zip(*steps, strict=True)
        return _log_mean(logits), states, _mean(alignments)

    def teacher_forced(
        self, source: Tensor, target: Tensor, return_alignment: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return log-probabilities `[B, T, V]` and alignment `[B, T, S]` of a given target.

        Without `return_alignment`, the alignment is None.
        """
        forced = [
            model.teacher_forced(source, target, return_alignment=return_alignment)
            for model in self.models
        ]
        logits, alignments = zip(*forced, strict=True)
        return _log_mean(logits), _mean(alignments) if return_alignment else None


def members_of(model: Seq2Seq | Ensemble) -> tuple[Seq2Seq, ...]:
    """Return the members of an ensemble; a single model is the only member."""
    return model.models if isinstance(model, Ensemble) else (model,)


def _log_mean(logits: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean of the members' probabilities."""
    members = [ops.log_softmax(ops.cast(member, "float32"), axis=-1) for member in logits]
    stacked = ops.stack(members)
    # `ops.logsumexp` does the same, but with an operator that TFLite lacks. The limit avoids the
    # difference of two infinities for a token that is impossible for all members.
    highest = ops.maximum(ops.max(stacked, axis=0), _LOWEST)
    return highest + ops.log(ops.mean(ops.exp(stacked - highest), axis=0))


def _mean(alignments: Sequence[Tensor]) -> Tensor:
    # The alignment of a member in mixed precision has a 16-bit dtype.
    return ops.mean(ops.stack([ops.cast(member, "float32") for member in alignments]), axis=0)
