"""The preprocessor of a `Seq2Seq`, which converts pairs of texts to the arrays of `fit`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, TextError
from keras_attention.models.texts import read_texts
from keras_attention.special_tokens import START_ID
from keras_attention.text.text_limit import TextLimit, default_limit
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.codec import TextCodec, pad
from keras_attention.translation.compatibility import check_sizes, check_tokenizer
from keras_attention.translation.outputs.output_rule import OutputRule

Ids = npt.NDArray[np.int32]

Pairs = tuple[tuple[Ids, Ids], Ids]
"""`((source, target_in), target_out)`: ids `[B, S]`, `[B, T]` and `[B, T]`."""


@keras.saving.register_keras_serializable(package="keras_attention")
class TextPreprocessor:
    """The tokenizers of a `Seq2Seq` and the search settings of its `generate`.

    You can train a model with a preprocessor on texts, `model.fit(sources, targets)`, and generate
    texts with it. The tokenizers are saved with the model. `Translator.from_model(model)` makes a
    translator from it.

    Args:
        source_tokenizer: the tokenizer of the sources, such as a `CharacterTokenizer`.
        target_tokenizer: the tokenizer of the targets. Default: `source_tokenizer`.
        max_length: largest number of tokens of a target, `</s>` included, in `fit` and `generate`.
        max_source_length: largest number of tokens of a source in a browser, `</s>` included;
            elsewhere the limit is at least 1024.
        **settings: defaults for `generate`: fields of `StoredOptions`, such as `beam_width`, and
            `replace_unknown`, whether source tokens replace `<unk>` (default: whether the model
            copies).

    Raises:
        InputError: if a tokenizer has the wrong class, or a setting is unknown or out of its range.

    Attributes:
        codec: the tokenizers with all search settings.
        output_rule: the limit on the outputs of the model's exports and of its translators, which
            `Translator.limit_outputs` sets; None allows all. `generate` does not obey it, and
            `get_config` does not contain it.

    Example:
        >>> from keras_attention import CharacterTokenizer, Vocabulary
        >>> preprocessor = TextPreprocessor(CharacterTokenizer(Vocabulary("abc")), max_length=9)
        >>> (source, target_in), target_out = preprocessor.encode_pairs(["cab", "a"], ["b", "bc"])
        >>> source.tolist(), target_in.tolist(), target_out.tolist()
        ([[6, 4, 5, 2], [4, 2, 0, 0]], [[1, 5, 0], [1, 5, 6]], [[5, 2, 0], [5, 6, 2]])
    """

    def __init__(
        self,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer | None = None,
        *,
        max_length: int,
        max_source_length: int = 64,
        **settings: Any,
    ) -> None:
        target_tokenizer = target_tokenizer or source_tokenizer
        check_tokenizer(source_tokenizer, "source")
        check_tokenizer(target_tokenizer, "target")
        lengths = {"max_source_length": max_source_length, "max_length": max_length}
        self.settings = {**lengths, **settings}
        try:
            searches = SearchSettings(**self.settings)
        except (TypeError, ValueError) as error:
            raise InputError(str(error)) from None
        self.codec = TextCodec(source_tokenizer, target_tokenizer, searches)
        self.output_rule: OutputRule | None = None

    def check(self, model: Any) -> None:
        """Check that a model's vocabularies and source features have the tokenizers' sizes.

        Raises:
            InputError: if a size differs.
        """
        check_sizes(model, self.codec)

    def copied_ids(self) -> list[int]:
        """Return the target id of each source id, for a model that copies."""
        return self.codec.copied_ids()

    def encode_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
        """Return the arrays of `fit` for pairs of texts.

        Args:
            sources: `B` texts.
            targets: the target of each source.

        Raises:
            ValueError: if the numbers of sources and targets differ, or there are none.
            TextError: if a text is not a string, has too many tokens, or lacks a source feature.
        """
        if len(sources) != len(targets) or not len(sources):
            raise ValueError(
                "`x` and `y` must contain the same number of texts, at least one. "
                f"Received: {len(sources)} sources and {len(targets)} targets."
            )
        settings = self.codec.settings
        limit = default_limit(settings.max_source_length)
        source = _encode(sources, self.codec.source, limit, "source")
        target_out = _encode(targets, self.codec.target, settings.max_length, "target")
        target_in = np.full_like(target_out, START_ID)
        target_in[:, 1:] = np.where(target_out[:, 1:] == 0, 0, target_out[:, :-1])
        return (source, target_in), target_out

    def encode_dataset(self, dataset: Any) -> Any:
        """Return the data set of `fit` for a `tf.data.Dataset` of texts.

        Args:
            dataset: batches `(sources, targets)` of strings `[B]`, and sample weights if needed.

        Raises:
            TypeError: if it has other elements.
        """
        import tensorflow as tf

        spec = dataset.element_spec
        specs = spec[:2] if isinstance(spec, tuple) and len(spec) in (2, 3) else ()
        if [(each.dtype, each.shape.rank) for each in specs if hasattr(each, "dtype")] != [
            (tf.string, 1)
        ] * 2:
            raise TypeError(
                "a data set of texts must have batches `(sources, targets)`, each of strings [B]; "
                f"use `batch` for single pairs. Received: elements {spec}."
            )

        def encode_batch(sources: Any, targets: Any, *weights: Any) -> Any:
            arrays = tf.numpy_function(
                self._encode_strings, [sources, targets], [tf.int32] * 3, stateful=False
            )
            for array in arrays:
                array.set_shape([sources.shape[0], None])
            source, target_in, target_out = arrays
            return ((source, target_in), target_out, *weights)

        return dataset.map(encode_batch).prefetch(tf.data.AUTOTUNE)

    def _encode_strings(self, sources: Any, targets: Any) -> tuple[Ids, Ids, Ids]:
        texts = [read_texts(side) or [] for side in (sources, targets)]
        (source, target_in), target_out = self.encode_pairs(*texts)
        return source, target_in, target_out

    @classmethod
    def from_codec(cls, codec: TextCodec) -> TextPreprocessor:
        """Return the preprocessor with the tokenizers and settings of a codec."""
        return cls(codec.source, codec.target, **vars(codec.settings))

    def get_config(self) -> dict[str, Any]:
        """Return the settings, and the tokenizers' files by name, in Base64."""
        files = self.codec.to_files().items()
        stored = {name: base64.b64encode(file_bytes).decode() for name, file_bytes in files}
        return {"settings": self.settings, "files": stored}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextPreprocessor:
        """Rebuild a preprocessor from the result of `get_config`.

        Raises:
            InputError: if a file is damaged or of a newer format.
        """
        files = {name: base64.b64decode(text) for name, text in config["files"].items()}
        codec = TextCodec.from_files(files, "the model's preprocessor")
        return cls(codec.source, codec.target, **config["settings"])


def _encode(texts: Sequence[str], tokenizer: Tokenizer, limit: int, noun: str) -> Ids:
    encoded, refused = TextLimit(limit).encode_until_refused(texts, tokenizer)
    if refused is not None:
        raise TextError(refused.problem, refused.position, noun)
    return pad(encoded)
