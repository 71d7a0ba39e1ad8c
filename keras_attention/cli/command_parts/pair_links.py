"""The links of given pairs for `align`, by one model or joined from two models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_attention.alignment.links import Links, link_words
from keras_attention.alignment.symmetrization import symmetrize
from keras_attention.errors import InputError
from keras_attention.models.ensemble import members_of
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.training.data.pairs import Pair
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.forced_alignment import align_pairs
from keras_attention.translation.translator import Translator


def load_aligner(model: Path, max_tokens: int | None) -> Translator:
    """Load a model for alignment."""
    translator = Translator.load(model)
    translator.max_tokens = max_tokens or translator.max_tokens
    if any(member.decoder.cell.attention is None for member in members_of(translator.model)):
        raise InputError(
            f"{model}: expected a model with attention. Received: a model without attention."
        )
    return translator


def find_links(
    translator: Translator, pairs: Iterable[Pair], threshold: float | None, *, words: bool
) -> Iterator[Links]:
    """Yield the links of each pair, from source to target."""
    for number, aligned in enumerate(align_pairs(translator, pairs), start=1):
        pair = aligned.source, aligned.target
        places = token_positions(translator.codec, pair, number, words=words)
        yield link_words(aligned.links(threshold), *places)


def join_links(
    links: Iterable[Links],
    translator: Translator,
    other: tuple[Translator, Path],
    pairs: Sequence[Pair],
    threshold: float | None,
    method: str,
    *,
    words: bool,
) -> Iterator[Links]:
    """Yield the links of each pair, joined with the links of a model from target to source.

    The tags of the first model's source features are removed before the other model reads a source
    as its target.
    """
    backward, path = other
    text_of = translator.codec.source.features.text_of
    turned = [(target, text_of(source)) for source, target in pairs]
    _check_same_units(pairs, turned, (translator.codec, backward.codec), path, words)
    reverse = find_links(backward, turned, threshold, words=words)
    for there, back in zip(links, reverse, strict=True):
        yield symmetrize(there, frozenset((i, j) for j, i in back), method)


def token_positions(
    codec: TextCodec, pair: Pair, number: int, *, words: bool
) -> list[Sequence[int | None]]:
    """Return, for each side of a pair, the positions of its tokens in a Pharaoh file."""
    try:
        return [
            tokenizer.positions(text, words=words)
            for tokenizer, text in zip((codec.source, codec.target), pair, strict=True)
        ]
    except InputError as error:
        raise InputError(f"pair {number}: {error}") from None


def _check_same_units(
    pairs: Sequence[Pair],
    turned: Sequence[Pair],
    codecs: tuple[TextCodec, TextCodec],
    reverse: Path,
    words: bool,
) -> None:
    one, other = codecs
    sides = (one.source, other.target), (one.target, other.source)
    for number, (pair, back_pair) in enumerate(zip(pairs, turned, strict=True), start=1):
        for text, same, (forward, back) in zip(pair, reversed(back_pair), sides, strict=True):
            if _units(forward, text, words) != _units(back, same, words):
                advice = "" if words else " To align words instead, add --words."
                raise InputError(
                    f"{reverse}: expected a model that splits pair {number} into the same "
                    f"{'words' if words else 'tokens'}. Received: {text!r}.{advice}"
                )


def _units(tokenizer: Tokenizer, text: str, words: bool) -> Sequence[Any]:
    """Return the units that positions in a text count: its tokens, or the numbers of its words."""
    return (
        sorted(set(tokenizer.positions(text, words=True)) - {None})
        if words
        else tokenizer.split(text)
    )
