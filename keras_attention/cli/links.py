"""The links that `translate` and `align` print: options checked, of tokens or of words."""

from __future__ import annotations

from pathlib import Path

from keras_attention.alignment.links import check_threshold
from keras_attention.cli.output import FindLinks
from keras_attention.errors import InputError


def link_finder(
    model: Path, *, alignments: bool, threshold: float | None, words: bool
) -> FindLinks | None:
    """What finds the links of a hypothesis that `translate` prints; `None` where it prints none.

    Args:
        model: the model's folder or checkpoint, which words need.
        alignments: whether links are wanted.
        threshold: see `hard_links`.
        words: whether links are between words instead of tokens.

    Raises:
        InputError: if an option is out of range, or does not go with the others.
    """
    check_threshold(threshold, "--threshold")
    if not alignments:
        if words or threshold is not None:
            raise InputError("--threshold and --words go with --alignments, which is missing.")
        return None
    if not words:
        return lambda translation, hypothesis: hypothesis.links(threshold)
    from keras_attention.translation.model_files import find_parts, load_codec

    try:
        codec = load_codec(find_parts(model)[0])
    except InputError:
        raise InputError(f"{model}: --words needs the model's folder.") from None
    return lambda translation, hypothesis: codec.word_links(
        hypothesis.links(threshold), translation.source_tokens, hypothesis.tokens
    )
