"""Alignments that guide training: read, or known of the task, and counted by token."""

from __future__ import annotations

from collections.abc import Sequence

from keras_attention.alignments import Links, read_links
from keras_attention.errors import InputError
from keras_attention.text.codec import TextCodec

from .data import Pair, check_parallel, split_rows
from .data_paths import find_file
from .known_alignments import KNOWN, known_alignments
from .recipe import Recipe


def read_guides(recipe: Recipe, codec: TextCodec, pairs: Sequence[Pair]) -> list[Links] | None:
    """The alignments that a recipe trains by, or None where it does not.

    Args:
        recipe: what is trained. Its `data.alignment_path` is a Pharaoh file beside its training
            file; without one the alignments are those that the task is made with.
        codec: its tokenizers.
        pairs: the training pairs, as `split_pairs` gives them.

    Returns:
        Links between tokens for each pair; of subwords, between all pieces of linked words.

    Raises:
        InputError: if there is no alignment, or the file does not fit the pairs.
    """
    if not recipe.training.guided_alignment:
        return None
    if recipe.text.source_subword_dropout or recipe.text.target_subword_dropout:
        raise InputError(
            "`training.guided_alignment` needs text.source_subword_dropout=0 and "
            "text.target_subword_dropout=0, because links are to pieces that stay the same."
        )
    guides = _read(recipe, pairs)
    counts_words = "subword" in (codec.source.name, codec.target.name)
    return [
        _by_token(codec, pair, links, number, words=counts_words)
        for number, (pair, links) in enumerate(zip(pairs, guides, strict=True), start=1)
    ]


def _read(recipe: Recipe, pairs: Sequence[Pair]) -> list[Links]:
    data = recipe.data
    path = find_file(data, "alignment_path")
    if path:
        rows = [gold.possible for gold in read_links(path)]
        held_out = 0 if data.validation_path else data.held_out
        check_parallel(("the training pairs", len(pairs) + held_out), (path, len(rows)))
        return split_rows(rows, data, recipe.seed)[0]
    if data.format in KNOWN:
        return [gold.possible for gold in known_alignments(data.format, pairs)]
    raise InputError(
        "`training.guided_alignment` needs data.alignment_path, a file with a line of i-j links "
        f"for each training pair. Received: none, and data.format={data.format!r}."
    )


def _by_token(codec: TextCodec, pair: Pair, links: Links, number: int, *, words: bool) -> Links:
    """Links between tokens of those that a file or a task gives."""
    sides = []
    for side, (tokenizer, text) in enumerate(zip((codec.source, codec.target), pair, strict=True)):
        tokens = tokenizer.split(text)
        units = tokenizer.number_words(tokens) if words else range(len(tokens))
        places: dict[int, list[int]] = {}
        for place, unit in enumerate(units):
            if unit is not None:
                places.setdefault(unit, []).append(place)
        if missing := {link[side] for link in links} - places.keys():
            raise InputError(
                f"training pair {number}: expected links to {len(places)} "
                f"{'words' if words else 'tokens'} of {text!r}. Received: {min(missing)}."
            )
        sides.append(places)
    sources, targets = sides
    return frozenset((i, j) for a, b in links for i in sources[a] for j in targets[b])
