"""The Translator: text in; text, score, tokens and alignment out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from typing import Any, overload

import keras

from keras_attention.compiled import Searches, compile_aligner, compile_scorer
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import check_room
from keras_attention.errors import InputError
from keras_attention.files import write_atomically
from keras_attention.model_files import (
    MODEL_FILE,
    SHORT_LIST_FILE,
    check_tokenizers,
    copy_for_inference,
    find_parts,
    is_narrow,
    load_codec,
    load_model,
    load_short_list,
    save_model,
)
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.short_list import Ids, ShortList
from keras_attention.text.codec import TextCodec, pad
from keras_attention.translation import PairScore, Translation

SORTED_BATCHES = 16
"""Batches whose texts are sorted by length before they are searched."""


class Translator:
    """A trained model and its tokenizers.

    Args:
        model: a `Seq2Seq`, or an `Ensemble` of several.
        codec: its tokenizers and search settings.
        short_list: what searches choose among; default all of the vocabulary. An attribute too.
            An ensemble has no use for one.

    Raises:
        InputError: if the model has other numbers of tokens than the codec's vocabularies, or no
            room for outputs as long as the codec's settings allow.

    Example:
        translator = Translator.load("saved_models/dates")
        translation = translator("march 27, 2016", beam_width=4)
        translation.text, translation.score, translation.tokens, translation.alignment
    """

    def __init__(
        self, model: Seq2Seq | Ensemble, codec: TextCodec, short_list: ShortList | None = None
    ) -> None:
        _check_sizes(model, codec)
        check_room(model, codec.settings.max_length)
        self.model = model
        self.codec = codec
        self.short_list = short_list
        self._search = Searches(model)
        self._scorer: Callable[[Any, Any], Any] | None = None

    @classmethod
    def load(cls, path: str | Path) -> "Translator":
        """Reads what `save`, `train` or `quickstart` wrote.

        Args:
            path: a model's folder; or a `.keras` file, such as a checkpoint, in that folder or in
                one below it.

        Raises:
            InputError: if it is missing, is something else, or holds a damaged file.
        """
        folder, file = find_parts(Path(path))
        codec = load_codec(folder)
        model, short_list = load_model(file), load_short_list(folder, codec)
        check_tokenizers(file, folder, codec)
        if is_narrow(model):  # a checkpoint trains on as it was trained
            model = copy_for_inference(model)
        try:
            return cls(model, codec, short_list)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def load_ensemble(cls, paths: Iterable[str | Path]) -> "Translator":
        """Reads several models that search as one, by the settings of the first.

        Args:
            paths: what `load` takes, at least one; of one alone it is the translator.

        Raises:
            InputError: if one cannot be loaded, or their tokenizers differ.
        """
        loaded = [(path, cls.load(path)) for path in paths]
        if not loaded:
            raise InputError("expected at least one model. Received: none.")
        (first, translator), *others = loaded
        for path, other in others:
            if side := translator.codec.differs_in(other.codec):
                raise InputError(
                    f"{path}: expected the tokenizers of {first}, with which it is to search. "
                    f"Received: another {side} tokenizer."
                )
        if not others:
            return translator
        models = [translator.single_model, *(other.single_model for _, other in others)]
        return cls(Ensemble(models), translator.codec)

    @property
    def single_model(self) -> Seq2Seq:
        """The model, where it is one.

        Raises:
            InputError: if it is an ensemble, which is neither saved nor exported.
        """
        if isinstance(self.model, Ensemble):
            raise InputError(
                "expected one model to save or to export. "
                f"Received: an ensemble of {len(self.model.models)}."
            )
        return self.model

    def save(self, folder: str | Path) -> None:
        """Writes the model and its tokenizers into `folder`, each file in one piece."""
        model, folder = self.single_model, Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.codec.to_files().items():
            with write_atomically(folder / name) as beside:
                beside.write_bytes(content)
        self.save_short_list(folder)
        save_model(model, folder / MODEL_FILE, codec=self.codec)

    def save_short_list(self, folder: str | Path) -> None:
        """Writes the short list alone, where there is one, and removes another's."""
        path = Path(folder) / SHORT_LIST_FILE
        if self.short_list is None:
            path.unlink(missing_ok=True)
            return
        with write_atomically(path) as beside:
            beside.write_bytes(self.short_list.to_bytes())

    @overload
    def __call__(self, texts: str, **options: Any) -> Translation: ...
    @overload
    def __call__(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...
    def __call__(self, texts: Any, **options: Any) -> Any:
        """Translates one text or many.

        Args:
            texts: a string, or an iterable of strings. Without a token in it, such as an empty
                one, a text has an empty output with a score of 0, here and in every export.
            **options: as `stream` takes them, such as `beam_width`.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.
        """
        if isinstance(texts, str):
            return next(self.stream([texts], **options))
        return list(self.stream(list(texts), **options))

    def stream(
        self, texts: Iterable[str], *, prefix: str = "", batch_size: int = 64, **options: Any
    ) -> Iterator[Translation]:
        """Translates `texts` in order, a batch at a time, as they come.

        Args:
            texts: any iterable of strings. A list or tuple is searched 16 batches at a time, texts
                of similar length together, which ends sooner; samples keep the order of texts.
            prefix: what every output must begin with.
            batch_size: sources searched together.
            **options: fields of `SearchOptions`, in place of the model's own settings. Samples
                are the same for the same seed, texts and batch size.

        Raises:
            ValueError: if an option is out of its range, or the prefix cannot be said.
        """
        chosen = self.codec.settings.options(**options)
        begin = self.codec.encode_prefix(prefix)
        if len(begin) > chosen.max_length:
            raise InputError(
                f"`prefix` must not be longer than `max_length`, {chosen.max_length} tokens. "
                f"Received: {len(begin)} tokens, prefix={prefix!r}."
            )
        return self._stream(texts, chosen, begin, batch_size)

    def _stream(
        self, texts: Iterable[str], options: SearchOptions, prefix: Sequence[int], batch_size: int
    ) -> Iterator[Translation]:
        remaining, numbers = iter(texts), count()
        # What is drawn depends on the batch and the place in it: samples keep the order of texts.
        sorts = isinstance(texts, Sequence) and not options.sample
        together = batch_size * (SORTED_BATCHES if sorts else 1)
        while window := list(islice(remaining, together)):
            order = list(range(len(window)))
            if sorts:
                order.sort(key=lambda place: len(window[place]))
            found: dict[int, Translation] = {}
            for first in range(0, len(order), batch_size):
                places = order[first : first + batch_size]
                batch = [window[place] for place in places]
                ids = self.codec.encode(batch)
                allowed = self._allowed(ids, prefix)
                arrays = self._search(
                    ids, options, prefix=prefix, batch=next(numbers), allowed=allowed
                )
                translations = self.codec.translations(batch, *arrays, prefix=prefix)
                found.update(zip(places, translations, strict=True))
            yield from (found[place] for place in range(len(window)))

    def _allowed(self, ids: Ids, prefix: Sequence[int]) -> Ids | None:
        if self.short_list is None or isinstance(self.model, Ensemble):
            return None
        return self.short_list.allowed(ids, prefix)

    def score(
        self, sources: Iterable[str], targets: Iterable[str], *, batch_size: int = 64
    ) -> list[PairScore]:
        """How likely the model finds given targets.

        A target that a search returned, ended by `</s>`, gets the search's own score, but for an
        empty source, whose output `stream` does not take from the model, with a short list, over
        which alone a search's probabilities sum to 1, and where source tokens stand in for `<unk>`.

        Args:
            sources: any iterable of strings.
            targets: a target for each of them.
            batch_size: pairs scored together.

        Returns:
            A `PairScore` a pair, in order; `perplexity` of them all is the model's.

        Raises:
            ValueError: if there are more of one than of the other.
        """
        pairs = zip(sources, targets, strict=True)
        scores: list[PairScore] = []
        while batch := list(islice(pairs, batch_size)):
            scores += self._score_batch(batch)
        return scores

    @cached_property
    def aligner(self) -> Callable[[Any, Any], Any]:
        """What `compile_aligner` makes of the model: weights `[B, T, S]` of given targets' ids."""
        return compile_aligner(self.model)

    def _score_batch(self, pairs: Sequence[tuple[str, str]]) -> list[PairScore]:
        if self._scorer is None:
            self._scorer = compile_scorer(self.model)
        ids = [self.codec.target.encode(target) for _, target in pairs]
        values = keras.ops.convert_to_numpy(
            self._scorer(self.codec.encode([source for source, _ in pairs]), pad(ids))
        )
        return [
            PairScore(
                *pair,
                tuple(self.codec.target.tokens(pair[1])),
                tuple(row[: len(real)].astype(float).tolist()),
            )
            for pair, row, real in zip(pairs, values, ids, strict=True)
        ]


def _check_sizes(model: Seq2Seq | Ensemble, codec: TextCodec) -> None:
    for side, tokenizer in (("source", codec.source), ("target", codec.target)):
        size, expected = len(tokenizer.vocabulary), model.settings[f"{side}_vocabulary_size"]
        if size != expected:
            raise InputError(
                f"the {side} vocabulary is another model's: expected {expected} tokens. "
                f"Received: {size}."
            )
