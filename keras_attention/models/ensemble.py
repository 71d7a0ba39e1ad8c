"""Several models that search together."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops

from keras_attention.attention.base.attention_mechanism import Tensor
from keras_attention.models.kinds import check_kind
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq import Seq2Seq


class EnsembleMemory(NamedTuple):
    """What every member's encoder leaves.

    Attributes:
        members: a `Memory` each.
    """

    members: tuple[Memory, ...]

    @property
    def mask(self) -> Tensor:
        """`[B, S]`, True where the source token is real: the same for all members."""
        return self.members[0].mask

    def take(self, rows: Tensor) -> "EnsembleMemory":
        """That of some of the sources, of the indices `rows` `[R]`."""
        return EnsembleMemory(tuple(member.take(rows) for member in self.members))


class Ensemble:
    """Several models over the same vocabularies, as one to every search.

    The probability of a token is the mean of the members', and so is the alignment:

        log p(y | y_<, x) = log((p_1(y | y_<, x) + ... + p_n(y | y_<, x)) / n)

    Args:
        models: at least one `Seq2Seq`, of the same numbers of source and of target ids. Shapes
            and attention may differ.

    Raises:
        ValueError: if there is none, one is of another class, or the numbers of ids differ.

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
            raise ValueError("`models` must hold at least one model. Received: none.")
        for model in self.models:
            check_kind(model, Seq2Seq)
        sizes = [model.vocabulary_sizes for model in self.models]
        if len(set(sizes)) > 1:
            raise ValueError(
                "`models` must have the same numbers of source and of target ids. "
                f"Received: {', '.join(map(str, sizes))}."
            )
        self.vocabulary_sizes = sizes[0]

    @property
    def longest(self) -> int | None:
        """How many steps a search may take; `None` for any number."""
        known = [model.longest for model in self.models if model.longest is not None]
        return min(known, default=None)

    def encode(self, source: Tensor) -> tuple[EnsembleMemory, tuple[Any, ...]]:
        """Reads source ids `[B, S]`: the members' memories, and their first states."""
        encoded = [model.encode(source) for model in self.models]
        memories, states = zip(*encoded, strict=True)
        return EnsembleMemory(memories), states

    def step(
        self, tokens: Tensor, state: tuple[Any, ...], memory: EnsembleMemory
    ) -> tuple[Tensor, tuple[Any, ...], Tensor]:
        """One step of search, as `Seq2Seq.step`.

        Args:
            tokens: previous target ids `[B]`.
            state: the members' states that the previous step, or `encode`, returned.
            memory: what `encode` returned.

        Returns:
            `(log_probabilities, state, alignment)`: `[B, V]`, the next states, `[B, S]`.
        """
        members = zip(self.models, state, memory.members, strict=True)
        stepped = [model.step(tokens, own, memories) for model, own, memories in members]
        logits, states, alignments = zip(*stepped, strict=True)
        return _log_mean(logits), states, _mean(alignments)

    def teacher_forced(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities `[B, T, V]` and alignment `[B, T, S]` of a given target."""
        forced = [model.teacher_forced(source, target) for model in self.models]
        logits, alignments = zip(*forced, strict=True)
        return _log_mean(logits), _mean(alignments)


def _log_mean(logits: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of the members' probabilities."""
    members = [ops.log_softmax(ops.cast(member, "float32"), axis=-1) for member in logits]
    return ops.logsumexp(ops.stack(members), axis=0) - math.log(len(members))


def _mean(alignments: Sequence[Tensor]) -> Tensor:
    # A member in mixed precision aligns in 16 bits.
    return ops.mean(ops.stack([ops.cast(member, "float32") for member in alignments]), axis=0)
