"""The Translator: text in; text, score, tokens and alignment out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, overload

import keras

from keras_attention.decoding.search import search
from keras_attention.errors import InputError
from keras_attention.files import read_bytes, write_atomically
from keras_attention.losses import MaskedCrossentropy
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.codec import CODEC_FILES, TextCodec, pad
from keras_attention.translation import PairScore, Translation
from keras_attention.vocabulary import START_ID

MODEL_FILE = "model.keras"


class Translator:
    """A trained model and its tokenizers.

    Args:
        model: a `Seq2Seq`.
        codec: its tokenizers and search settings.

    Raises:
        InputError: if the model has other numbers of tokens than the codec's vocabularies.

    Example:
        translator = Translator.load("saved_models/dates")
        translation = translator("march 27, 2016", beam_width=4)
        translation.text, translation.score, translation.tokens, translation.alignment
    """

    def __init__(self, model: Seq2Seq, codec: TextCodec) -> None:
        _check_sizes(model, codec)
        self.model = model
        self.codec = codec
        self._searches: dict[tuple[int, float], Callable[[Any], Any]] = {}
        self._scorer: Callable[[Any, Any], Any] | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "Translator":
        """Reads what `save`, `train` or `quickstart` wrote.

        Raises:
            InputError: if the folder is missing, is something else, or holds a damaged file.
        """
        folder = Path(folder)
        codec = load_codec(folder)
        model = load_model(folder / MODEL_FILE)
        try:
            return cls(model, codec)
        except InputError as error:
            raise InputError(f"{folder}: {error}") from None

    def save(self, folder: str | Path) -> None:
        """Writes the model and its tokenizers into `folder`, each file in one piece."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.codec.to_files().items():
            with write_atomically(folder / name) as beside:
                beside.write_bytes(content)
        save_model(self.model, folder / MODEL_FILE)

    @overload
    def __call__(self, texts: str, **options: Any) -> Translation: ...
    @overload
    def __call__(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...
    def __call__(self, texts: Any, **options: Any) -> Any:
        """Translates one text or many.

        Args:
            texts: a string, or an iterable of strings; empty ones too.
            **options: `beam_width`, `length_penalty` and `batch_size`, as `stream` takes them.

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
        beam_width: int | None = None,
        length_penalty: float | None = None,
        batch_size: int = 64,
    ) -> Iterator[Translation]:
        """Translates `texts` in order, a batch at a time, as they come.

        Args:
            texts: any iterable of strings.
            beam_width: hypotheses a source; 1 is greedy search. Default the model's own.
            length_penalty: exponent of the length penalty. Default the model's own.
            batch_size: sources searched together.
        """
        settings = self.codec.settings
        width = settings.beam_width if beam_width is None else beam_width
        penalty = settings.length_penalty if length_penalty is None else length_penalty
        remaining = iter(texts)
        while batch := list(islice(remaining, batch_size)):
            yield from self._translate(batch, self._search(width, float(penalty)))

    def score(
        self, sources: Iterable[str], targets: Iterable[str], *, batch_size: int = 64
    ) -> list[PairScore]:
        """How likely the model finds given targets.

        A target that a search returned, ended by `</s>`, gets the search's own score.

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
            self._scorer = compiled_scorer(self.model)
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

    def _translate(
        self, texts: Sequence[str], search_batch: Callable[[Any], Any]
    ) -> list[Translation]:
        hypotheses = search_batch(self.codec.encode(texts))
        arrays = [keras.ops.convert_to_numpy(array) for array in hypotheses]
        return self.codec.translations(texts, *arrays)

    def _search(self, beam_width: int, length_penalty: float) -> Callable[[Any], Any]:
        """The search as one compiled loop, traced once for all shapes."""
        key = beam_width, length_penalty
        if key not in self._searches:
            self._searches[key] = compiled_search(self.model, self.codec, *key)
        return self._searches[key]


def compiled_search(
    model: Seq2Seq, codec: TextCodec, beam_width: int, length_penalty: float
) -> Callable[[Any], Any]:
    """`search` with its options bound; under TensorFlow one graph for every batch and length."""

    def run(source: Any) -> Any:
        return search(
            model,
            source,
            max_length=codec.settings.max_length,
            beam_width=beam_width,
            length_penalty=length_penalty,
        )

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    return tf.function(run, input_signature=[tf.TensorSpec([None, None], tf.int32)])  # type: ignore[no-any-return]


def compiled_scorer(model: Seq2Seq) -> Callable[[Any, Any], Any]:
    """Log-probabilities `[B, T]` of target ids `[B, T]` under teacher forcing, for any shapes."""

    def run(source: Any, target: Any) -> Any:
        starts = keras.ops.full_like(target[:, :1], START_ID)
        shifted = keras.ops.concatenate([starts, target[:, :-1]], axis=1)
        logits, _ = model.teacher_forced(source, shifted)
        return -MaskedCrossentropy().call(target, logits)

    if keras.backend.backend() != "tensorflow":
        return run
    import tensorflow as tf

    return tf.function(run, input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)  # type: ignore[no-any-return]


def _check_sizes(model: Seq2Seq, codec: TextCodec) -> None:
    for side, tokenizer in (("source", codec.source), ("target", codec.target)):
        size, expected = len(tokenizer.vocabulary), model.settings[f"{side}_vocabulary_size"]
        if size != expected:
            raise InputError(
                f"the {side} vocabulary is another model's: expected {expected} tokens. "
                f"Received: {size}."
            )


def load_codec(folder: Path) -> TextCodec:
    """The tokenizers and search settings in a model's folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected a trained model's.")
    files = {name: read_bytes(folder / name) for name in CODEC_FILES if (folder / name).is_file()}
    return TextCodec.from_files(files, str(folder))


def save_model(model: keras.Model, path: Path, *, include_optimizer: bool = False) -> None:
    """Writes the model, in one piece; a run that is to be resumed needs the optimizer too."""
    with write_atomically(path) as beside:
        (model if include_optimizer else copy_for_inference(model)).save(beside)


def copy_for_inference(model: keras.Model) -> keras.Model:
    """A copy that was never compiled: Keras writes the optimizer of any other, thrice the size.

    What was trained in mixed precision computes in 32 bits here, as its exports do.
    """
    config = model.get_config()
    if model.compute_dtype in ("float16", "bfloat16"):
        for part in (config, (config["attention"] or {}).get("config", {})):
            part["dtype"] = "float32"
    copy = type(model).from_config(config)
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def load_model(path: Path, *, include_optimizer: bool = False) -> Seq2Seq:
    """Reads a `Seq2Seq` that `save_model` wrote.

    Raises:
        InputError: if the file is missing, damaged, or another model.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a trained model.")
    try:
        model = keras.models.load_model(path, compile=include_optimizer)
    except Exception as error:  # Keras raises whatever the damage causes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: cannot be read as a Keras model: {reason}") from error
    if not isinstance(model, Seq2Seq):
        raise InputError(f"{path}: expected a Seq2Seq model. Received: {type(model).__name__}.")
    return model
