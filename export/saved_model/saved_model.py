"""SavedModel: strings in; text, score, tokens and alignment out, for TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import tensorflow as tf

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
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.processes import LoadedModel, refuse_pickling
from keras_attention.translation.result import Translation
from keras_attention.translation.signature_answers import (
    beam_inputs,
    check_search,
    count_characters,
    encode_texts,
    read_answer,
    until_refused,
)
from keras_attention.translation.translator import Translator

from ..graphs.portable import portable_copy
from .limits import Limits
from .manifest import check_manifest, describe, write_manifest
from .operators import TEXT, operators_by_library
from .serving_module import SIGNATURES, ServingModule
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
    """Writes `folder/version/`, the layout that TensorFlow Serving watches.

    Batch and length vary within `limits`. Only core TensorFlow operators are used, and for subwords
    TensorFlow Text's. The signatures, where every string is UTF-8 and `T` is the
    model's `max_length`:

    - `serving_default`: `text` `[B]` to `text` and `score` `[B]`, `tokens` `[B, T]` (empty strings
      behind the end), `alignment` `[B, T, S]` and `source_tokens` `[B, S]` of the best hypothesis
      by the model's own search settings.
    - `beam`: `text`, `beam_width`, `length_penalty` and `nbest`, `[B]` each, to the same of `N`
      hypotheses, `[B, N, ...]`, where `N` is the largest `nbest`; a score of -1e9 where there is
      none. The other settings are the model's own; so are a width of 0 and a penalty below 0.
    - `score`: `source` and `target` `[B]` to `score` `[B]`, and `tokens` and `log_probabilities`
      `[B, T]`.
    - `tokenize`: `text` `[B]` to `ids` and `tokens` `[B, S]` and `length` `[B]`, of the source's
      tokenizer. `detokenize`: `ids` `[B, T]` and `length` `[B]` to `text`, of the target's.
    - `encode` and `step`, for callers that search by themselves: see `steps`. What stands behind a
      row's `length` is not read.

    What takes texts gives `error` `[B]` too, "" where all is well: a text that is too long, or to
    be searched as cannot be, is not answered, and takes no other text of its request with it.

    Args:
        translator: a trained translator.
        folder: the model's folder, usually the one it was loaded from.
        version: TensorFlow Serving's version number, a positive integer.
        limits: what a request may hold; default `Limits()`, and as many tokens of a text as the
            translator takes.
        compute: Keras's dtype policy of the graph: "float32", or "mixed_float16" and
            "mixed_bfloat16" for accelerators, whose answers differ by rounding.
        about: what the manifest is to say besides, such as the recipe's name; plain values.

    Returns:
        The version folder.

    Raises:
        InputError: if the folder cannot be written, or the model cannot be exported.
    """
    path = Path(folder) / str(version)
    with write_atomically(path, folder=True) as temporary_path:
        module = ServingModule(portable_copy(translator, compute), limits)
        tf.saved_model.save(module, str(temporary_path), signatures=module.signatures.value)
        requests = typical_requests(translator.codec.source, module.limits.batch)
        write_warm_up(temporary_path, path.parent.resolve().name, requests)
        described = describe(
            translator.codec,
            **about or {},
            compute=compute,
            search=asdict(translator.codec.settings),
            limits=asdict(module.limits),
            max_steps=translator.model.longest,
            operators=operators_by_library(temporary_path / GRAPH_FILE),
        )
        write_manifest(temporary_path, described)
    return path


class SavedModelTranslator:
    """The exported SavedModel behind the translator's own call.

    Several threads may call one object at the same time.

    Args:
        signatures: the graphs by name.
        manifest: what the export says of itself.

    Attributes:
        manifest: the same.
    """

    def __init__(self, signatures: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
        self._signatures = signatures
        self.manifest = manifest
        self._mark = LoadedModel("a SavedModelTranslator")

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled: TensorFlow's graphs cannot be.

        Raises:
            TypeError: always.
        """
        refuse_pickling("a SavedModelTranslator")

    @classmethod
    def load(cls, path: str | Path) -> SavedModelTranslator:
        """Reads a version folder.

        Raises:
            InputError: if there is none, it is damaged, changed, of a newer format or another
                model's, or it needs the package tensorflow-text, which is missing.
        """
        put_back_replaced(Path(path).absolute().parent)
        return read_unchanged(Path(path), cls._load)

    @classmethod
    def _load(cls, path: Path) -> SavedModelTranslator:
        if not (path / GRAPH_FILE).is_file():
            raise InputError(f"{path}: no SavedModel here, {GRAPH_FILE} is missing.")
        manifest = check_manifest(path)
        if TEXT in manifest["operators"]:
            import_tensorflow_text()
        try:
            signatures = tf.saved_model.load(str(path)).signatures
        except Exception as error:  # TensorFlow raises whatever it dislikes
            raise InputError(f"{path}: cannot be read as a SavedModel of ours.") from error
        if not set(signatures) >= set(SIGNATURES):
            raise InputError(f"{path}: a SavedModel, but not one that keras-attention exported.")
        return cls(signatures, manifest)

    def __call__(self, texts: Any, **options: Any) -> Any:
        """Translates one text or many.

        Args:
            texts: a string, or an iterable of strings.
            **options: as `stream` takes them.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.
        """
        if isinstance(texts, str):
            return next(self.stream([texts], **options))
        return list(self.stream(texts, **options))

    def stream(
        self,
        texts: Iterable[str],
        *,
        batch_size: int = 64,
        nbest: int = 1,
        **search: Any,
    ) -> Iterator[Translation]:
        """Translates `texts` in order, a batch at a time, as they come.

        Args:
            texts: any iterable of strings.
            batch_size: texts searched together, a positive integer; no more than the export takes.
            nbest: hypotheses of each source, at most `beam_width`.
            **search: fields of `ServedOptions`: `beam_width` and `length_penalty`, in place of the
                model's own.

        Raises:
            ValueError: if `batch_size` is out of its range.
            OptionError: if an option is not what the export takes.
            TextError: if a text is too long or not valid Unicode, after the translations of those
                before it.
            TypeError: if `texts` is not an iterable of strings, or there is no such option.
        """
        check_texts(texts)
        self._mark.check_process()
        check_positive(batch_size=batch_size)
        inputs = self._beam_inputs(nbest, check_search(nbest, **search))
        return self._stream(texts, min(batch_size, self.manifest["limits"]["batch"]), inputs)

    def _stream(
        self, texts: Iterable[str], batch_size: int, inputs: Mapping[str, Any]
    ) -> Iterator[Translation]:
        signature = self._signatures["beam" if inputs else "serving_default"]

        def search_batch(batch: list[str]) -> Iterator[Translation]:
            each = {name: tf.fill([len(batch)], value) for name, value in inputs.items()}
            found = signature(text=tf.constant(encode_texts(batch), tf.string), **each)
            return read_answer(batch, {name: out.numpy() for name, out in found.items()})

        done = 0
        # Code points stand in for tokens, which only the graph counts.
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

    def fits(self, codec: TextCodec) -> Callable[[str], bool]:
        """Tells of a text whether it is within the export's limits, by the model's tokenizers."""
        told = self.manifest["limits"]
        limits = Limits(**{field.name: told[field.name] for field in fields(Limits)})
        return partial(limits.text.fits, tokenizer=codec.source)

    def _beam_inputs(self, nbest: int, search: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the signature `beam` takes for each text; nothing where it is not needed."""
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
