"""The Translator: text in; text, score, tokens and alignment out."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, overload

import keras

from keras_attention.compiled import Searches, compile_scorer
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError
from keras_attention.files import read_bytes, write_atomically
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.short_list import ShortList
from keras_attention.text.codec import CODEC_FILES, SETTINGS_FILE, TextCodec, pad
from keras_attention.translation import PairScore, Translation

MODEL_FILE = "model.keras"
SHORT_LIST_FILE = "short_list.npz"
SORTED_BATCHES = 16
"""Batches whose texts are sorted by length before they are searched."""


class Translator:
    """A trained model and its tokenizers.

    Args:
        model: a `Seq2Seq`, or an `Ensemble` of several.
        codec: its tokenizers and search settings.
        short_list: what searches choose among; default all of the vocabulary. An attribute too.

    Raises:
        InputError: if the model has other numbers of tokens than the codec's vocabularies.

    Example:
        translator = Translator.load("saved_models/dates")
        translation = translator("march 27, 2016", beam_width=4)
        translation.text, translation.score, translation.tokens, translation.alignment
    """

    def __init__(
        self, model: Seq2Seq | Ensemble, codec: TextCodec, short_list: ShortList | None = None
    ) -> None:
        _check_sizes(model, codec)
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
        folder, file = _find_parts(Path(path))
        codec = load_codec(folder)
        model = load_model(file)
        if _narrow(model):  # a checkpoint trains on as it was trained
            model = copy_for_inference(model)
        try:
            return cls(model, codec, _load_short_list(folder, codec))
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
        save_model(model, folder / MODEL_FILE)

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
            texts: any iterable of strings. Of a list or tuple, texts of similar length are
                searched together, which ends sooner, so that some come a few batches later.
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
                allowed = self.short_list.allowed(ids, prefix) if self.short_list else None
                arrays = self._search(
                    ids, options, prefix=prefix, batch=next(numbers), allowed=allowed
                )
                translations = self.codec.translations(batch, *arrays, prefix=prefix)
                found.update(zip(places, translations, strict=True))
            yield from (found[place] for place in range(len(window)))

    def score(
        self, sources: Iterable[str], targets: Iterable[str], *, batch_size: int = 64
    ) -> list[PairScore]:
        """How likely the model finds given targets.

        A target that a search returned, ended by `</s>`, gets the search's own score, but for an
        empty source, of which the model has no say in `stream`.

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


def _find_parts(path: Path) -> tuple[Path, Path]:
    """The folder of the tokenizers, and the file of the model, that a path stands for."""
    if path.suffix != ".keras" or path.is_dir():
        return path, path / MODEL_FILE
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a trained model.")
    for folder in path.absolute().parents[:2]:
        if (folder / SETTINGS_FILE).is_file():
            return folder, path
    raise InputError(
        f"{path}: expected {SETTINGS_FILE} and the tokenizers in its folder or the one above."
    )


def load_codec(folder: Path) -> TextCodec:
    """The tokenizers and search settings in a model's folder."""
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"{folder}: expected a trained model's folder. Received: a file.")
        raise InputError(f"{folder}: no such folder; expected a trained model's.")
    files = {name: read_bytes(folder / name) for name in CODEC_FILES if (folder / name).is_file()}
    return TextCodec.from_files(files, str(folder))


def _load_short_list(folder: Path, codec: TextCodec) -> ShortList | None:
    path = folder / SHORT_LIST_FILE
    if not path.is_file():
        return None
    sizes = len(codec.source.vocabulary), len(codec.target.vocabulary)
    return ShortList.from_bytes(read_bytes(path), str(path), sizes)


def save_model(model: keras.Model, path: Path, *, include_optimizer: bool = False) -> None:
    """Writes the model, in one piece; a run that is to be resumed needs the optimizer too."""
    with write_atomically(path) as beside:
        (model if include_optimizer else copy_for_inference(model)).save(beside)


def copy_for_inference(model: keras.Model) -> keras.Model:
    """A copy that was never compiled: Keras writes the optimizer of any other, thrice the size.

    What was trained in mixed precision computes in 32 bits here, as its exports do.
    """
    config = model.get_config()
    if _narrow(model):
        for part in (config, (config["attention"] or {}).get("config", {})):
            part["dtype"] = "float32"
    copy = type(model).from_config(config)
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def _narrow(model: keras.Model) -> bool:
    return model.compute_dtype in ("float16", "bfloat16")


def load_model(path: Path, *, include_optimizer: bool = False) -> Seq2Seq:
    """Reads a `Seq2Seq` that `save_model` wrote.

    Raises:
        InputError: if the file is missing, damaged, or another model.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a trained model.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: cannot be read as a Keras model: no .keras archive.")
    try:
        model = keras.models.load_model(path, compile=include_optimizer)
    except Exception as error:  # Keras raises whatever the damage causes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: cannot be read as a Keras model: {reason}") from error
    if not isinstance(model, Seq2Seq):
        raise InputError(f"{path}: expected a Seq2Seq model. Received: {type(model).__name__}.")
    return model
