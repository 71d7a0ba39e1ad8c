"""A translator that runs the TFLite file, with only `ai-edge-litert` and `numpy`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.decoding.confidence import Confidence
from keras_attention.errors import InputError, TextError, check_positive, check_texts
from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact
from keras_attention.special_tokens import PAD_ID
from keras_attention.text.batched_texts import EncodedText, map_texts
from keras_attention.translation.codec import pad
from keras_attention.translation.result import StreamedToken, Translation
from keras_attention.translation.searches.streaming import stream_tokens

from .device_checks import check_graph
from .device_choice import choose_greedily
from .device_file import BATCHED, SIGNATURES, check_not_folder, read_device_file
from .interpreter import Runtime

FEWEST = 1 / 4
"""Smallest share of a batch that is searched together. In int8, a whole batch takes as long as a
quarter of its texts one at a time; see benchmarks/README.md."""

MOST_THREADS = 256
"""The largest number of CPU threads; with far more, the runtime ends the process."""


class DeviceTranslator:
    """A translator that runs a TFLite file and imports neither TensorFlow nor Keras.

    Several threads may call one object. They take turns, because the runtime is not thread-safe.
    For more speed, create one object per thread, or give the runtime more `threads`. A file that
    was exported with a `batch_size` searches many texts several times as fast as one at a time.

    Args:
        content: the whole file.
        name: the file's name, for error messages.
        threads: CPU threads of the runtime, from 1 to 256.
        max_tokens: largest number of tokens of a text, `</s>` included. Longer texts are errors.
            Memory and time grow with the length of each text, not with this limit. Default: 1024,
            or the file's `max_source_length` if that is more; for files of version 0.1, which do
            not accept more, `max_source_length`.

    Attributes:
        codec: the tokenizers and search settings.
        manifest: the file's manifest: `precision`, `beam_width` and more.
        confidence: temperature and threshold of the exported model.
        automaton: the automaton of the allowed outputs; None if all are allowed.
        batch_size: number of texts that are searched together; 1 unless the file was exported with
            more.
        least_tokens: number of tokens to which a source is padded; 1 except for files of version
            0.1.
        text_limit: the largest length of a text, from `max_tokens`.

    Raises:
        InputError: if the file is damaged, of a newer format, or not exported by keras-attention;
            if `max_tokens` is more than 65,536, or more than the file accepts.
        ValueError: if `threads` is not an integer from 1 to 256, or `max_tokens` is not a positive
            integer.

    Example:
        translator = DeviceTranslator.load("saved_models/dates/dates.tflite")
        translator(["march 27, 2016"])[0].text
    """

    def __init__(
        self,
        content: bytes,
        name: str = "model",
        *,
        threads: int = 1,
        max_tokens: int | None = None,
    ) -> None:
        check_positive(threads=threads)
        if threads > MOST_THREADS:
            raise ValueError(f"`threads` must be at most {MOST_THREADS}. Received: {threads}.")
        self.name = name
        self._arguments = content, name, threads, max_tokens
        file = read_device_file(content, name)
        self.codec, self.manifest, self.automaton = file.codec, file.manifest, file.automaton
        self.batch_size, self.least_tokens = file.batch_size, file.least_tokens
        self.confidence = Confidence.from_manifest(file.manifest, name)
        self.text_limit = file.text_limit(name, max_tokens)
        signatures = (*SIGNATURES, *(BATCHED.values() if self.batch_size > 1 else ()))
        self._runtime = Runtime(content, name, threads, signatures, self.text_limit.tokens)
        self._inputs: dict[str, list[str]] = {}
        self._turn = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return a function and arguments that make a copy from the file's bytes."""
        content, name, threads, max_tokens = self._arguments
        return partial(DeviceTranslator, threads=threads, max_tokens=max_tokens), (content, name)

    @classmethod
    def load(
        cls, path: str | Path, *, threads: int = 1, max_tokens: int | None = None
    ) -> DeviceTranslator:
        """Load a file that `keras-attention export` or `export_tflite` wrote.

        Args:
            path: the file.
            threads: CPU threads of the runtime, from 1 to 256.
            max_tokens: largest number of tokens of a text; see the class.

        Raises:
            InputError: if the file is missing, a folder, damaged, of a newer format, or not
                exported by keras-attention; if `max_tokens` is more than 65,536, or more than the
                file accepts.
            ValueError: if `threads` or `max_tokens` is out of its range.
        """
        check_not_folder(Path(path))
        content = read_artefact(path, largest=LARGEST_MODEL)
        return cls(content, str(path), threads=threads, max_tokens=max_tokens)

    def __call__(
        self, texts: Any, *, beam: bool = False, features: Mapping[str, str] | None = None
    ) -> Any:
        """Translate one text or several.

        Args:
            texts: a string, or an iterable of strings.
            beam: True to use beam search with the file's own beam width and return all its
                hypotheses; False (default) for greedy search.
            features: the value of each source feature, by name, for texts that do not carry it
                themselves; see `add_features`.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.

        Raises:
            TextError: if a text has more than `max_tokens` tokens.
            TypeError: if `texts` is neither a string nor an iterable of strings.
        """
        if isinstance(texts, str):
            return next(self.translate_each([texts], beam=beam, features=features))
        return list(self.translate_each(texts, beam=beam, features=features))

    def translate_each(
        self,
        texts: Iterable[str],
        *,
        beam: bool = False,
        features: Mapping[str, str] | None = None,
    ) -> Iterator[Translation]:
        """Yield the translation of each text as soon as it is known.

        With a `batch_size` of 2 or more, translate batch by batch, which returns the same outputs,
        except for rounding.

        Args:
            texts: an iterable of strings. With a `batch_size`, 16 batches are read at a time from a
                list or tuple and sorted by length, and one batch from other iterables.
            beam: as in `__call__`.
            features: as in `__call__`.

        Raises:
            TextError: if a text has more than `max_tokens` tokens; raised after the translations of
                the texts before it.
        """
        texts = self.codec.source.features.add_to(check_texts(texts), features)
        return self._translate_each(texts, beam)

    def _translate_each(self, texts: Iterable[str], beam: bool) -> Iterator[Translation]:
        if self.batch_size > 1:
            yield from map_texts(
                partial(self._translate_batch, beam=beam),
                texts,
                self.codec.source,
                self.text_limit,
                batch_size=self.batch_size,
            )
            return
        for position, text in enumerate(texts):
            try:
                translation = self._translate(text, beam)
            except TextError as error:
                raise error.at(position) from None
            yield translation

    def _translate_batch(self, batch: Sequence[EncodedText], beam: bool) -> list[Translation]:
        texts = [each.text for each in batch]
        if len(texts) < FEWEST * self.batch_size:
            return [self._translate(text, beam) for text in texts]
        source = pad([each.ids for each in batch])
        # Fill the batch with its last source: the search takes no further steps for copies of it.
        source = np.pad(source, ((0, self.batch_size - len(batch)), (0, 0)), mode="edge")
        return self._search(texts, source, BATCHED["beam" if beam else "greedy"], beam)

    def _translate(self, text: str, beam: bool) -> Translation:
        return self._search([text], self._source(text), "beam" if beam else "greedy", beam)[0]

    def _search(
        self, texts: Sequence[str], source: Any, signature: str, beam: bool
    ) -> list[Translation]:
        """Run a search on sources `[B, S]`: first those of the texts, then any padding."""
        found = self.run(signature, source=source)
        arrays = [found[name][: len(texts)] for name in ("tokens", "score", "alignment")]
        if not beam:
            arrays = [array[:, np.newaxis] for array in arrays]
        return self.codec.translations(texts, *arrays)

    def stream(
        self, text: str, *, features: Mapping[str, str] | None = None
    ) -> Iterator[StreamedToken]:
        """Translate one text greedily and yield each token as soon as it is known.

        The tokens are the same as when the object is called, without `</s>`.

        Args:
            text: the text.
            features: as in `__call__`.

        Raises:
            TextError: if the text has more than `max_tokens` tokens; raised when the first token is
                requested.
        """
        (text,) = self.codec.source.features.add_to([text], features)
        source, words = self._source(text), self.codec.source.tokens(text)
        limit = self.codec.settings.max_length if len(words) > 1 else 0
        encoded = self.run("encode", source=source)
        step = partial(self.run, "decode_step", source=source)
        steps = choose_greedily(step, encoded, self.codec.settings, limit, self.automaton)
        yield from stream_tokens(self.codec, words, steps)

    def fits(self, text: str) -> bool:
        """Return whether `text` has at most `max_tokens` tokens."""
        return self.text_limit.fits(text, self.codec.source)

    def _source(self, text: str) -> Any:
        """Return the ids of a text `[1, S]`. Pad them only if the file requires a fixed length."""
        ids = self.text_limit.encode(text, self.codec.source)
        source = np.full((1, max(len(ids), self.least_tokens)), PAD_ID, "int32")
        source[0, : len(ids)] = ids
        return source

    def run(self, signature: str, **inputs: Any) -> Mapping[str, Any]:
        """Return the outputs of a signature, for programs with their own search.

        Args:
            signature: "greedy", "beam", "encode" or "decode_step".
            **inputs: arrays by name. Those that the signature does not accept are ignored, because
                models without attention need fewer.

        Raises:
            InputError: if the signature cannot be run.
        """
        with self._turn:
            try:
                given = {name: inputs[name] for name in self._input_names(signature)}
                return self._runtime.run(signature, given)
            except (ValueError, RuntimeError, KeyError) as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(
                    f"{self.name}: damaged, the signature `{signature}` cannot be run: {error}"
                ) from error

    def _input_names(self, signature: str) -> list[str]:
        """Return the names of a signature's inputs; check the signature the first time."""
        if signature not in self._inputs:
            runner = self._runtime.runner(signature)
            check_graph(runner, signature, self.codec, self.manifest, self.name)
            self._inputs[signature] = list(runner.get_input_details())
        return self._inputs[signature]
