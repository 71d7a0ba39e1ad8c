"""A translator that runs an exported SavedModel in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, overload

import numpy as np
import tensorflow as tf

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.options import ServedOptions
from keras_attention.errors import InputError, OptionError, check_positive, check_texts
from keras_attention.files.artefacts import read_unchanged
from keras_attention.files.workspaces import put_back_replaced
from keras_attention.text.graph.graph_subword import import_tensorflow_text
from keras_attention.text.padded_batches import BATCH_NUMBERS, BATCH_TOKENS, batch_by_tokens
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import GRAPH_FILE
from keras_attention.translation.folders.model_paths import is_saved_model
from keras_attention.translation.processes import LoadedModel, refuse_pickling
from keras_attention.translation.result import StreamedToken, Translation
from keras_attention.translation.searches.streaming import check_streamed
from keras_attention.translation.signature_answers import (
    beam_inputs,
    check_search,
    count_characters,
    encode_texts,
    in_order,
    read_answer,
    until_refused,
)

from ..graphs.exported_steps import ExportedSteps, check_terms, translate_forced
from .manifest import check_manifest, read_automaton, read_codec
from .operators import TEXT
from .serving_module import SIGNATURES
from .token_stream import stream_text


class SavedModelTranslator:
    """A translator that runs an exported SavedModel.

    Several threads may call one object at the same time.

    Args:
        signatures: the graphs by name.
        manifest: the export's manifest.
        automaton: the automaton that accepts the allowed outputs, or None if all are allowed.
        codec: the tokenizers, for `terms` and to find unknown tokens; None if an older version
            wrote the export.

    Attributes:
        manifest: the argument.
        automaton: the argument.
        codec: the argument.
        confidence: temperature and threshold that the exported model had.
    """

    def __init__(
        self,
        signatures: Mapping[str, Any],
        manifest: Mapping[str, Any],
        automaton: Automaton | None = None,
        codec: TextCodec | None = None,
    ) -> None:
        self._signatures = signatures
        self.manifest = manifest
        self.automaton = automaton
        self.codec = codec
        self.confidence = Confidence.from_manifest(manifest, "the manifest")
        self._text_limit = TextLimit(manifest["limits"]["tokens"])
        self._mark = LoadedModel("a SavedModelTranslator")

    def __reduce__(self) -> NoReturn:
        """Refuse pickling, because TensorFlow's graphs cannot be pickled.

        Raises:
            TypeError: always.
        """
        refuse_pickling("a SavedModelTranslator")

    @classmethod
    def load(cls, path: str | Path) -> SavedModelTranslator:
        """Load a version folder.

        Args:
            path: the folder, such as `saved_models/dates/1`.

        Raises:
            InputError: if the folder is missing, damaged, changed, of a newer format or not
                exported by keras-attention, or if the package tensorflow-text is missing and the
                export requires it.
        """
        put_back_replaced(Path(path).absolute().parent)
        return read_unchanged(Path(path), cls._load)

    @classmethod
    def _load(cls, path: Path) -> SavedModelTranslator:
        if not is_saved_model(path):
            raise InputError(
                f"{path}: expected the version folder of a SavedModel; {GRAPH_FILE} is missing."
            )
        manifest = check_manifest(path)
        if TEXT in manifest["operators"]:
            import_tensorflow_text()
        try:
            signatures = tf.saved_model.load(str(path)).signatures
        except Exception as error:  # TensorFlow raises many types for a damaged file
            raise InputError(
                f"{path}: damaged, TensorFlow cannot load it as a SavedModel."
            ) from error
        if missing := set(SIGNATURES) - set(signatures):
            raise InputError(
                f"{path}: the signature {min(missing)!r} is missing; expected a SavedModel that "
                f"keras-attention exported. Received: the signatures "
                f"{', '.join(sorted(signatures))}."
            )
        return cls(signatures, manifest, read_automaton(path), read_codec(path))

    def __call__(self, texts: Any, **options: Any) -> Any:
        """Translate one text or several.

        Args:
            texts: a string, or an iterable of strings.
            **options: the options of `stream`.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.
        """
        if isinstance(texts, str):
            return next(self.stream([texts], **options))
        return list(self.stream(texts, **options))

    @overload
    def stream(self, texts: str, **options: Any) -> Iterator[StreamedToken]: ...
    @overload
    def stream(self, texts: Iterable[str], **options: Any) -> Iterator[Translation]: ...
    def stream(
        self,
        texts: Any,
        *,
        batch_size: int = 64,
        nbest: int = 1,
        features: Mapping[str, str] | None = None,
        terms: Any = None,
        **search: Any,
    ) -> Any:
        """Translate `texts` in order, batch by batch, or one text token by token.

        A string is translated greedily, and each token is yielded as soon as it is chosen.

        Args:
            texts: a string, or any iterable of strings.
            batch_size: number of texts searched together, a positive integer. A number above the
                export's limit is lowered to that limit.
            nbest: number of hypotheses per source, at most `beam_width`.
            features: the value of each source feature, by name, for texts that do not carry it
                themselves; see `add_features`.
            terms: a glossary, as for `Translator.stream`. Requires a `beam_width` of at least 2.
                The search then runs outside of the graph, step by step, with the same results as
                that of the model.
            **search: fields of `ServedOptions`, `beam_width` and `length_penalty`, which replace
                the model's own values.

        Returns:
            For an iterable, an iterator of `Translation` objects; for a string, of `StreamedToken`
            objects with the text so far.

        Raises:
            ValueError: if `batch_size` is not a positive integer.
            OptionError: if an option is out of the export's range, or a string is given with a
                beam, with several hypotheses or with `terms`.
            InputError: if a string or `terms` are given and the export is of an older version.
            TextError: if a text is too long or not valid Unicode; raised after the translations of
                the texts before it.
            TypeError: if `texts` is not an iterable of strings, or an option is unknown.
        """
        whole = not isinstance(texts, str)
        if whole:
            check_texts(texts)
            check_positive(batch_size=batch_size)
        self._mark.check_process()
        known = SourceFeatures(self.manifest.get("source_features"))
        texts = known.add_to(texts if whole else [texts], features)
        search = check_search(nbest, **search)
        if not whole:
            check_streamed(nbest=nbest, terms=terms, **search)
            return stream_text(self._signatures, self.manifest, texts[0], self.automaton)
        inputs = self._beam_inputs(nbest, search)
        batch_size = min(batch_size, self.manifest["limits"]["batch"])
        if terms is not None:
            return self._stream_forced(texts, batch_size, nbest, search, terms)
        return self._stream(texts, batch_size, inputs)

    def _stream(
        self, texts: Iterable[str], batch_size: int, inputs: Mapping[str, Any]
    ) -> Iterator[Translation]:
        signature = self._signatures["beam" if inputs else "serving_default"]
        vocabulary = None if self.codec is None else self.codec.source.vocabulary

        def search_batch(batch: list[str]) -> Iterator[Translation]:
            each = {name: tf.fill([len(batch)], value) for name, value in inputs.items()}
            found = signature(text=tf.constant(encode_texts(batch), tf.string), **each)
            arrays = {name: out.numpy() for name, out in found.items()}
            return read_answer(batch, arrays, vocabulary)

        # Only the graph counts tokens, so estimate a text's length by its code points.
        own = self.manifest["search"]
        numbers = BATCH_NUMBERS // (
            int(inputs.get("beam_width", own["beam_width"])) * own.get("max_length", 1)
        )
        batches = batch_by_tokens(
            texts,
            lambda text: count_characters(text) + 1,
            rows=batch_size,
            tokens=min(BATCH_TOKENS, numbers),
        )
        return in_order(each for batch in batches for each in until_refused(search_batch, batch))

    def _stream_forced(
        self,
        texts: Iterable[str],
        batch_size: int,
        nbest: int,
        search: Mapping[str, Any],
        terms: Any,
    ) -> Iterator[Translation]:
        codec = self.codec
        if codec is None:
            raise InputError(
                "to force terms, export the model again. Received: a SavedModel of an older "
                "version, without its tokenizers' files."
            )
        options = codec.settings.options(**search)
        rule = check_terms(terms, codec, options, limited=self.automaton is not None)
        return translate_forced(
            self._steps(codec),
            codec,
            texts,
            rule,
            options,
            limit=self._text_limit,
            batch_size=batch_size,
            nbest=nbest,
        )

    def _steps(self, codec: TextCodec) -> ExportedSteps:
        taken = self._signatures["step"].structured_input_signature[1]

        def run(signature: str, ids: Any, **inputs: Any) -> dict[str, Any]:
            length = tf.constant(np.count_nonzero(ids, axis=1), tf.int32)
            given = {name: tf.convert_to_tensor(array) for name, array in inputs.items()}
            found: dict[str, Any] = self._signatures[signature](length=length, **given)
            return found  # tensors, because copying the memory at each step would take time

        def step(token: Any, source: Any, named: Mapping[str, Any]) -> dict[str, Any]:
            given = {name: array for name, array in named.items() if name in taken}
            return run("step", source, token=token, **given)

        return ExportedSteps(
            lambda source: run("encode", source, source=source),
            step,
            features=len(codec.source.features),
            longest=self.manifest.get("max_steps"),
        )

    def fits(self, codec: TextCodec) -> Callable[[str], bool]:
        """Return a function that returns whether a text is within the export's limits.

        Args:
            codec: the codec of the exported model.
        """
        return partial(self._text_limit.fits, tokenizer=codec.source)

    def _beam_inputs(self, nbest: int, search: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of the signature `beam` for each text; empty if it is not needed."""
        if not search and nbest == 1:
            return {}
        widest = self.manifest["limits"]["beam_width"]
        own = {known.key: self.manifest["search"][known.key] for known in ServedOptions.settings()}
        search = {**own, **search}
        width = search["beam_width"]
        if width > widest:
            rule = f"must be from 1 to {widest} for this export"
            raise OptionError("beam_width", rule, beam_width=width)
        if nbest > width:
            rule = f"must be from 1 to the beam width, {width}"
            raise OptionError("nbest", rule, nbest=nbest)
        return beam_inputs(nbest, search)
