"""The SavedModel: `export_saved_model` writes it, `SavedModelTranslator` loads and runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, overload

import numpy as np
import tensorflow as tf

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.options import ServedOptions
from keras_attention.errors import (
    InputError,
    OptionError,
    TextError,
    check_positive,
    check_texts,
)
from keras_attention.files.artefacts import read_unchanged
from keras_attention.files.text_files import write_atomically
from keras_attention.files.workspaces import put_back_replaced
from keras_attention.text.graph.graph_subword import import_tensorflow_text
from keras_attention.text.padded_batches import BATCH_NUMBERS, BATCH_TOKENS, batch_by_tokens
from keras_attention.text.source_features import SourceFeatures, add_features
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.processes import LoadedModel, refuse_pickling
from keras_attention.translation.result import StreamedToken, Translation
from keras_attention.translation.searches.streaming import check_streamed
from keras_attention.translation.signature_answers import (
    beam_inputs,
    check_search,
    count_characters,
    encode_texts,
    read_answer,
    until_refused,
)
from keras_attention.translation.translator import Translator

from ..graphs.exported_steps import ExportedSteps, check_terms, translate_forced
from ..graphs.portable import portable_copy
from .limits import Limits
from .manifest import (
    AUTOMATON_FILE,
    CODEC_FOLDER,
    check_manifest,
    describe,
    read_automaton,
    read_codec,
    write_manifest,
)
from .operators import TEXT, operators_by_library
from .serving_module import SIGNATURES, ServingModule
from .token_stream import stream_text
from .warm_up import typical_requests, write_warm_up

GRAPH_FILE = "saved_model.pb"


def export_saved_model(
    translator: Translator,
    folder: str | Path,
    *,
    version: int = 1,
    limits: Limits | None = None,
    compute: str = "float32",
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a SavedModel to `folder/version/`, the layout that TensorFlow Serving expects.

    Batch size and length may vary within `limits`. The graph uses only TensorFlow's core operators
    and, for subwords, those of TensorFlow Text. Strings are UTF-8, and `T` is the model's
    `max_length`. The signatures:

    - `serving_default`: from `text` `[B]` to `text` and `score` `[B]`, `tokens` `[B, T]` (empty
      strings after the end), `alignment` `[B, T, S]` and `source_tokens` `[B, S]` of the best
      hypothesis, found with the model's own search settings.
    - `beam`: from `text`, `beam_width`, `length_penalty` and `nbest`, each `[B]`, to the same
      outputs for `N` hypotheses, `[B, N, ...]`, where `N` is the largest `nbest`. A missing
      hypothesis has a score of -1e9. A width of 0 and a negative penalty select the model's own
      values; the other settings are always the model's own.
    - `stream`: from `text` and `state` `[B]`, "" at first, to up to 4 more tokens of the greedy
      output: `tokens`, `text` so far and `score` so far `[B, 4]`, `alignment` `[B, 4, S]` and
      `source_tokens`; and the next `state` `[B]`, "" after the end.
    - `score`: from `source` and `target` `[B]` to `score` `[B]`, and `tokens` and
      `log_probabilities` `[B, T]`.
    - `tokenize`: from `text` `[B]` to `ids` and `tokens` `[B, S]` and `length` `[B]`, with the
      source's tokenizer; the ids of source features, if there are any, come first and count in
      `length`. `detokenize`: from `ids` `[B, T]` and `length` `[B]` to `text` `[B]` and `tokens`
      `[B, T]`, with the target's tokenizer.
    - `encode` and `step`, for callers with their own search: see `model_functions`. Ids after a
      row's `length` are ignored.

    Signatures that accept texts and search, score or tokenize them also return `error` `[B]`, which
    is "" for a valid text. If a text is too long or has options out of range, `error` contains a
    message and the text has no result; the other texts of the request are not affected.

    If the translator has an `output_rule`, `serving_default`, `beam` and `stream` always obey
    it; an empty text still has an empty output.

    Args:
        translator: a trained translator.
        folder: the model's folder, usually the one it was loaded from.
        version: TensorFlow Serving's version number, a positive integer.
        limits: limits on the size of a request; default `Limits()`, with the translator's own
            `max_tokens`.
        compute: the dtype policy of the graph: "float32", or for accelerators "mixed_float16" or
            "mixed_bfloat16", which change the results by rounding.
        about: further values for the manifest, such as the recipe's name; `json.dumps` must accept
            them.

    Returns:
        The version folder.

    Raises:
        InputError: if the folder cannot be written, or the model cannot be exported.
    """
    path = Path(folder) / str(version)
    return write_saved_model(
        translator,
        path,
        name=path.parent.resolve().name,
        limits=limits,
        compute=compute,
        about=about,
    )


def write_saved_model(
    translator: Translator,
    path: str | Path,
    *,
    name: str | None = None,
    limits: Limits | None = None,
    compute: str = "float32",
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write the SavedModel of `export_saved_model` to any folder, not only to a version folder.

    Args:
        translator: as for `export_saved_model`.
        path: the folder; if it exists, it is replaced.
        name: the model's name on a server; by default, the name of the folder.
        limits: as for `export_saved_model`.
        compute: as for `export_saved_model`.
        about: as for `export_saved_model`.

    Returns:
        The folder.

    Raises:
        InputError: as for `export_saved_model`.
    """
    path = Path(path)
    with write_atomically(path, folder=True) as temporary_path:
        module = ServingModule(portable_copy(translator, compute), limits)
        rule = translator.output_rule
        tf.saved_model.save(module, str(temporary_path), signatures=module.signatures.value)
        requests = typical_requests(translator.codec.source, module.limits.batch)
        if rule is not None:
            (temporary_path / AUTOMATON_FILE).parent.mkdir(exist_ok=True)
            (temporary_path / AUTOMATON_FILE).write_bytes(rule.automaton.to_bytes())
        (temporary_path / CODEC_FOLDER).mkdir(parents=True)
        for file_name, file_bytes in translator.codec.to_files().items():
            (temporary_path / CODEC_FOLDER / file_name).write_bytes(file_bytes)
        write_warm_up(temporary_path, name or path.resolve().name, requests)
        described = describe(
            translator.codec,
            **about or {},
            compute=compute,
            search=asdict(translator.codec.settings),
            limits=asdict(module.limits),
            max_steps=translator.model.longest,
            confidence=translator.confidence.to_json(),
            operators=operators_by_library(temporary_path / GRAPH_FILE),
            **({} if rule is None else {"outputs": rule.about}),
        )
        write_manifest(temporary_path, described)
    return path


class SavedModelTranslator:
    """A translator that runs an exported SavedModel.

    Several threads may call one object at the same time.

    Args:
        signatures: the graphs by name.
        manifest: the export's manifest.
        automaton: the automaton that accepts the allowed outputs, or None if all are allowed.
        codec: the tokenizers, which only `terms` need; None if an older version wrote the export.

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
        if not (path / GRAPH_FILE).is_file():
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
        if isinstance(texts, str):
            return self._stream_tokens(texts, features or {}, nbest, search, terms)
        check_texts(texts)
        self._mark.check_process()
        check_positive(batch_size=batch_size)
        SourceFeatures(self.manifest.get("source_features")).check(features or {})
        texts = add_features(texts, features or {})
        search = check_search(nbest, **search)
        inputs = self._beam_inputs(nbest, search)
        batch_size = min(batch_size, self.manifest["limits"]["batch"])
        if terms is not None:
            return self._stream_forced(texts, batch_size, nbest, search, terms)
        return self._stream(texts, batch_size, inputs)

    def _stream_tokens(
        self,
        text: str,
        features: Mapping[str, str],
        nbest: int,
        search: Mapping[str, Any],
        terms: Any,
    ) -> Iterator[StreamedToken]:
        self._mark.check_process()
        SourceFeatures(self.manifest.get("source_features")).check(features)
        check_streamed(nbest=nbest, terms=terms, **check_search(nbest, **search))
        (text,) = add_features([text], features)
        return stream_text(self._signatures, self.manifest, text, self.automaton)

    def _stream(
        self, texts: Iterable[str], batch_size: int, inputs: Mapping[str, Any]
    ) -> Iterator[Translation]:
        signature = self._signatures["beam" if inputs else "serving_default"]

        def search_batch(batch: list[str]) -> Iterator[Translation]:
            each = {name: tf.fill([len(batch)], value) for name, value in inputs.items()}
            found = signature(text=tf.constant(encode_texts(batch), tf.string), **each)
            return read_answer(batch, {name: out.numpy() for name, out in found.items()})

        done = 0
        # Only the graph counts tokens, so estimate a text's length by its code points.
        own = self.manifest["search"]
        numbers = BATCH_NUMBERS // (
            int(inputs.get("beam_width", own["beam_width"])) * own.get("max_length", 1)
        )
        for batch in batch_by_tokens(
            texts,
            lambda text: count_characters(text) + 1,
            rows=batch_size,
            tokens=min(BATCH_TOKENS, numbers),
        ):
            for answer in until_refused(search_batch, batch):
                if isinstance(answer, TextError):
                    raise answer.at(done)
                yield answer
                done += 1

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
            limit=TextLimit(self.manifest["limits"]["tokens"]),
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
        """Return a function that tells whether a text is within the export's limits.

        Args:
            codec: the codec of the exported model.
        """
        stored = self.manifest["limits"]
        limits = Limits(**{field.name: stored[field.name] for field in fields(Limits)})
        return partial(limits.text.fits, tokenizer=codec.source)

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
