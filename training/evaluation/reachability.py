"""Warns before training about targets that no output can equal, and suggests what to change."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keras_attention.errors import InputError
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.translation.codec import TextCodec

from ..data.pairs import Pair
from ..metrics.metric_kinds import BLEU_ORDER, Bleu
from ..recipe.recipe import Recipe
from ..recipe.training_config import TrainingConfig

HINT_SHARE = 0.01
"""`model.copying` is suggested if at least this share of the pairs has a token to copy."""

_MOST_PAIRS = 10_000
"""Number of training pairs that are checked if none are held out."""

_SHORT = f"no held-out target has {BLEU_ORDER} tokens, the length of BLEU's longest n-grams"

_logger = logging.getLogger(__name__)


class Unknown(NamedTuple):
    """The tokens of a target that are not in the target vocabulary.

    Attributes:
        copied: The tokens that the source contains.
        lost: The other tokens.
    """

    copied: list[str]
    lost: list[str]


def report_references(
    recipe: Recipe, codec: TextCodec, training: Sequence[Pair], held_out: Sequence[Pair]
) -> None:
    """Log which held-out targets no output can equal, and whether copying would help.

    Also warn if no held-out target has four tokens, because BLEU is then 0 for every output.
    """
    if held_out:
        _report_long(codec, held_out)
        if not _is_bleu_reachable(recipe.training.metric, codec, held_out):
            _note(f"{_SHORT}: val_bleu is 0 for every output; use training.metric='chrf' instead.")
    kind, pairs = ("held-out", held_out) if held_out else ("training", training[:_MOST_PAIRS])
    unknown = [found for pair in pairs if (found := find_unknown(codec, pair))]
    replaces_unknown = codec.settings.replace_unknown
    lost = [found for found in unknown if found.lost or not replaces_unknown]
    if held_out and lost:
        example = (lost[0].lost or lost[0].copied)[0]
        also = " or their source" if replaces_unknown else ""
        _note(
            f"{_share(lost, pairs)} held-out targets contain a token that is not in the target "
            f"vocabulary{also}, such as {example!r}; no output can equal them."
        )
    if not recipe.model.copying and _can_copy(recipe):
        _suggest_copying([found.copied for found in unknown if found.copied], kind, pairs)


def check_metric(config: TrainingConfig, codec: TextCodec, held_out: Sequence[Pair]) -> None:
    """Check that the metric can be above 0 if it controls the run."""
    if _is_bleu_reachable(config.metric, codec, held_out):
        return
    watching = {"patience": config.patience > 0, "schedule": config.schedule == "plateau"}
    for name, watches in watching.items():
        if watches:
            raise InputError(
                f"`training.{name}` cannot use training.metric='bleu' here: {_SHORT}, so BLEU is 0 "
                "for every output. Use training.metric='chrf' or 'exact_match'. "
                f"Received: training.{name}={getattr(config, name)!r}."
            )


def find_unknown(codec: TextCodec, pair: Pair) -> Unknown | None:
    """Return the target tokens of a pair that are not in the vocabulary; None if there are none.

    Example:
        >>> from keras_attention import Vocabulary, WordTokenizer
        >>> from keras_attention.decoding.search_settings import SearchSettings
        >>> words = WordTokenizer(Vocabulary(["my", "name", "is"]))
        >>> codec = TextCodec(words, words, SearchSettings(9, 9))
        >>> find_unknown(codec, ("Ann my name", "my name is Ann Bee"))
        Unknown(copied=['Ann'], lost=['Bee'])
    """
    source, target = pair
    tokens = codec.target.split(target)
    ids = codec.target.vocabulary.encode(tokens)
    if UNKNOWN_ID not in ids:
        return None
    words = set(codec.source.split(source))
    unknown = [token for token, id_ in zip(tokens, ids, strict=True) if id_ == UNKNOWN_ID]
    return Unknown(
        [token for token in unknown if token in words],
        [token for token in unknown if token not in words],
    )


def _is_bleu_reachable(metric: str, codec: TextCodec, held_out: Sequence[Pair]) -> bool:
    if metric != Bleu.name or not held_out:
        return True
    return Bleu().is_reachable([codec.reference_form(target) for _, target in held_out])


def _report_long(codec: TextCodec, held_out: Sequence[Pair]) -> None:
    most = codec.settings.max_length
    longer = [target for _, target in held_out if len(codec.target.encode(target)) > most]
    if longer:
        _note(
            f"{_share(longer, held_out)} held-out targets have more than {most} tokens including "
            "</s>, the longest output (decoding.max_length, by default data.max_target_length); no "
            "output can equal them."
        )


def _can_copy(recipe: Recipe) -> bool:
    text = recipe.text
    drops = text.source_subword_dropout or text.target_subword_dropout
    return recipe.model.mechanism.alignment and not drops and not recipe.training.short_list


def _suggest_copying(copied: Sequence[Sequence[str]], kind: str, pairs: Sequence[Pair]) -> None:
    if len(copied) >= max(1.0, HINT_SHARE * len(pairs)):
        _note(
            f"{_share(copied, pairs)} {kind} targets contain a token that is in their source but "
            f"not in the target vocabulary, such as {copied[0][0]!r}; a model with "
            "model.copying=true learns to copy it."
        )


def _share(some: Iterable[object], every: Sequence[Pair]) -> str:
    count = len(list(some))
    return f"{count:,} of {len(every):,} ({count / len(every):.1%})"


def _note(sentence: str) -> None:
    _logger.warning("note: %s", sentence)
