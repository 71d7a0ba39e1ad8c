"""Quality at chosen source lengths: does a model generalise from short sources to long ones?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from keras_attention.errors import InputError
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.text.tokenizers import SubwordTokenizer, make_tokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.result import Translation

from ..data.pairs import Pair
from ..metrics.metric_kinds import edit_distance
from ..recipe.recipe import Recipe
from ..tasks.synthetic import TASKS, generate
from .evaluate import Evaluation, evaluate

if TYPE_CHECKING:
    from keras_attention.translation.translator import Translator

PAIRS = 500
"""Number of pairs that are generated for each length."""

_SEED = 2**32
"""Larger than every seed of a recipe, so that test pairs differ from training pairs."""

_ROOM = 10
"""Number of tokens by which an output may be longer than the longest target."""


def wanted_lengths(recipe: Recipe, lengths: Sequence[int]) -> list[str]:
    """Return the names of the lengths: `10`, `20` for generated pairs, else `1–10`, `11–20`."""
    if recipe.data.format in TASKS:
        return [str(length) for length in lengths]
    return [f"{first}–{last}" for first, last in _ranges(lengths)]


def check_lengths(recipe: Recipe, lengths: Sequence[int]) -> None:
    """Check that there are pairs of these lengths, and that the model can write their targets."""
    task = TASKS.get(recipe.data.format)
    least = task.shortest if task else 1
    if any(b <= a for a, b in zip([least - 1, *lengths], lengths, strict=False)):
        raise InputError(
            f"--lengths must be increasing numbers of source tokens, at least {least}. "
            f"Received: {','.join(map(str, lengths))}."
        )
    if lengths and not (task or recipe.data.held_out or recipe.data.validation_path):
        raise InputError("--lengths requires held-out pairs. Received: data.held_out=0.")
    if lengths and task:
        _check_room(recipe, lengths)


def _check_room(recipe: Recipe, lengths: Sequence[int]) -> None:
    """Check that the targets fit a Transformer decoder.

    Subwords are not checked, because their number is unknown.
    """
    name = recipe.text.target_tokenizer
    if recipe.model.decoder != "transformer" or name == SubwordTokenizer.name:
        return
    cut = make_tokenizer(name, Vocabulary([])).cut
    longest = max(len(cut(target)) + 1 for _, target in _made(recipe, lengths[-1:])[0])
    key = "decoding.max_length" if recipe.decoding.max_length else "data.max_target_length"
    room = recipe.decoding.max_length or recipe.data.max_target_length
    if room < longest + _ROOM:
        raise InputError(
            f"--lengths up to {lengths[-1]} with model.decoder='transformer' requires `{key}` of "
            f"at least {longest + _ROOM}: {longest} tokens of a target including </s>, and {_ROOM} "
            f"more. Received: {key}={room}."
        )


def score_lengths(
    translator: Translator,
    recipe: Recipe,
    lengths: Sequence[int],
    held_out: Sequence[Pair] = (),
    *,
    only: Collection[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Score a model at source lengths, which may be longer than its training sources.

    A generated task is tested on 500 new pairs of each length, the same for all models. Other data
    is tested on the held-out pairs up to the first length, those up to the second length, and so
    on; pairs longer than the last length are not used. Outputs may be 10 tokens longer than the
    longest target, if the decoder can write them.

    Args:
        translator: the model.
        recipe: its recipe, which defines the data and the metric.
        lengths: increasing numbers of source tokens, without `</s>`.
        held_out: the held-out pairs; not needed for a generated task.
        only: the names (see `wanted_lengths`) of the lengths to score. Default: all.

    Returns:
        For each name: `pairs`, their number; `value`, the metric; and `errors`, the number of token
        edits from outputs to targets divided by the number of target tokens, which shows whether a
        wrong output is nearly right. `value` and `errors` are None if there are no pairs.
    """
    made = recipe.data.format in TASKS
    sets = _made(recipe, lengths) if made else _by_length(translator, held_out, lengths)
    named = zip(wanted_lengths(recipe, lengths), sets, strict=True)
    return {
        name: _score(translator, recipe, pairs)
        for name, pairs in named
        if only is None or name in only
    }


def _made(recipe: Recipe, lengths: Sequence[int]) -> list[list[Pair]]:
    name = recipe.data.format
    return [generate(name, PAIRS, _SEED + n, shortest=n, longest=n) for n in lengths]


def _by_length(
    translator: Translator, pairs: Sequence[Pair], lengths: Sequence[int]
) -> list[list[Pair]]:
    """Group the pairs by their number of source tokens."""
    tokens = [len(translator.codec.source.split(source)) for source, _ in pairs]
    return [
        [pair for pair, count in zip(pairs, tokens, strict=True) if first <= count <= last]
        for first, last in _ranges(lengths)
    ]


def _ranges(lengths: Sequence[int]) -> list[tuple[int, int]]:
    return [(first + 1, last) for first, last in zip([0, *lengths], lengths, strict=False)]


def _score(translator: Translator, recipe: Recipe, pairs: Sequence[Pair]) -> dict[str, Any]:
    if not pairs:
        return {"pairs": 0, "value": None, "errors": None}
    evaluation = _evaluate(translator, pairs)
    value = evaluation.score(recipe.training.metric).value
    return {"pairs": len(pairs), "value": value, "errors": _errors(translator, evaluation)}


def _evaluate(translator: Translator, pairs: Sequence[Pair]) -> Evaluation:
    longest = max(len(translator.codec.target.encode(target)) for _, target in pairs)
    most = max(translator.codec.settings.max_length, longest + _ROOM)
    room = translator.model.longest
    if room is not None:
        most = min(most, room)

    unlimited = copy(translator)
    unlimited.max_tokens = UNLIMITED

    def translate(texts: Iterable[str]) -> list[Translation]:
        return unlimited(texts, max_length=most)

    return evaluate(translate, pairs).in_form(translator.codec.reference_form)


def _errors(translator: Translator, evaluation: Evaluation) -> float:
    cut = translator.codec.target.split
    tokens = [(cut(output), cut(target)) for _, target, output in evaluation.outcomes]
    edits = sum(edit_distance(output, target) for output, target in tokens)
    return edits / sum(len(target) for _, target in tokens)
