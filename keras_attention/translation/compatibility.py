"""Checks that tokenizers and search settings fit a model."""

from typing import Any

import keras

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.kinds import check_kind
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.codec import SIDES, TextCodec


def check_sizes(model: Seq2Seq | Ensemble, codec: TextCodec) -> None:
    """Check that a model and its tokenizers have the same sizes of vocabularies and features."""
    check_kind(model, Seq2Seq, Ensemble)
    tokenizers = codec.source, codec.target
    for side, tokenizer, expected in zip(SIDES, tokenizers, model.vocabulary_sizes, strict=True):
        size = len(tokenizer.vocabulary)
        if expected is None:
            raise InputError(
                "expected a model with text as its source. Received: a model with features; use "
                "`search` or the exports in keras_attention.export.features instead."
            )
        if size != expected:
            raise InputError(
                f"the {side} vocabulary does not belong to this model: expected {expected} tokens. "
                f"Received: {size}."
            )
    if model.source_features != codec.source.features.sizes:
        raise InputError(
            "the source tokenizer's features do not belong to this model: expected features with "
            f"{model.source_features} ids. Received: {codec.source.features.sizes}."
        )


def check_tokenizer(tokenizer: object, side: str) -> None:
    """Check the class of a tokenizer."""
    if not isinstance(tokenizer, Tokenizer):
        raise InputError(
            f"`{side}_tokenizer` must be a CharacterTokenizer, WordTokenizer or "
            f"SubwordTokenizer. Received: {type(tokenizer).__name__}."
        )


def make_codec(
    model: Seq2Seq, source_tokenizer: Any, target_tokenizer: Any, **settings: Any
) -> TextCodec:
    """Make the codec of a trained model from its tokenizers and search settings.

    Args:
        model: The trained model.
        source_tokenizer: The tokenizer of its sources.
        target_tokenizer: The tokenizer of its targets.
        **settings: Fields of `SearchSettings`. By default, `replace_unknown` is True if the model
            copies.

    Raises:
        InputError: If an argument has the wrong class, if a setting is unknown or out of its range,
            or if the model copies tokens with a different mapping from source ids to target ids.
    """
    check_kind(model, Seq2Seq)
    for side, tokenizer in zip(SIDES, (source_tokenizer, target_tokenizer), strict=True):
        check_tokenizer(tokenizer, side)
    for name in ("max_source_length", "max_length"):
        if name not in settings:
            raise InputError(
                f"`{name}` must be given for a model without a `preprocessor`. "
                f"Received: {name}=None."
            )
    settings = {"replace_unknown": model.settings.copying, **settings}
    try:
        codec = TextCodec(source_tokenizer, target_tokenizer, SearchSettings(**settings))
    except (TypeError, ValueError) as error:
        raise InputError(str(error)) from None
    check_sizes(model, codec)
    _check_copying(model, codec)
    return codec


def _check_copying(model: Seq2Seq, codec: TextCodec) -> None:
    if not model.settings.copying:
        return
    found = keras.ops.convert_to_numpy(model.copy_output.targets)
    if found.tolist() != codec.copied_ids():
        raise InputError(
            "expected a copying model that maps each source id to the target id of the same token: "
            "call `model.copy_output.set_targets([0, 1, 2, 3, *target_tokenizer.vocabulary.encode("
            "source_tokenizer.vocabulary.tokens[4:])])` before training. Received: a model with "
            "another mapping."
        )
