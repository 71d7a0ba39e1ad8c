"""Models as `ModelHandler` objects of Beam's `RunInference`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from keras_attention.child_processes import child_environment
from keras_attention.errors import InputError
from keras_attention.text.padded_batches import SORTED_BATCHES
from keras_attention.text.usable_texts import answer_each
from keras_attention.translation.folders.model_paths import is_saved_model
from keras_attention.translation.result import Translate, Translation

from .chunks import Chunk, Line

Answer = Translation | InputError
"""The translation of a line, or the error that explains why there is none."""


def answer_sorted(translate: Translate, lines: Sequence[Line]) -> list[Answer]:
    """Translate lines sorted by length, and return the answers in the order of the lines.

    Sorting saves time, because a SavedModel makes batches of texts in the order in which it gets
    them.
    """
    order = sorted(range(len(lines)), key=lambda place: len(str(lines[place])))
    answers = answer_each(translate, [lines[place] for place in order])
    found = dict(zip(order, answers, strict=True))
    return [found[place] for place in range(len(lines))]


def open_model(path: str | Path, **options: Any) -> Translate:
    """Load a model of any format.

    Args:
        path: a TFLite file, the version folder of a SavedModel, a model's folder or a checkpoint.
        **options: options of `DeviceTranslator.translate_each`, `SavedModelTranslator.stream` or
            `Translator.stream`.

    Raises:
        InputError: if there is no such model, or it does not support an option.
    """
    path = Path(path)
    if path.suffix == ".tflite":
        from ..device.device_translator import DeviceTranslator

        return partial(DeviceTranslator.load(path).translate_each, **options)
    if is_saved_model(path):
        from ..saved_model.saved_model_translator import SavedModelTranslator

        saved = SavedModelTranslator.load(path)
        return lambda texts: saved.stream(texts, **options)
    from keras_attention.translation.translator import Translator

    translator = Translator.load(path)
    return lambda texts: translator.stream(texts, **options)


class _TextHandler(ModelHandler[Any, Any, Translate]):
    """The methods that both handlers share."""

    def set_environment_vars(self) -> None:
        """Set the environment variables that TensorFlow reads on import, unless they are set."""
        for name, value in child_environment({}, 1).items():
            os.environ.setdefault(name, value)

    def get_metrics_namespace(self) -> str:
        """Return the namespace of the metrics of `RunInference`."""
        return "keras_attention_inference"


class TranslationHandler(_TextHandler):
    """A handler that translates texts with a model, for `RunInference` in your own pipeline.

    Every process loads the model once, even if several threads use it. The handler collects the
    texts of a bundle and sorts them by length, so that texts of similar length are searched
    together. If a text cannot be translated, for example because it is too long, its result is a
    `TextError`. The other texts are not affected. For elements with keys, wrap the handler in
    Beam's `KeyedModelHandler`.

    Args:
        model: a TFLite file, the version folder of a SavedModel, a model's folder or a checkpoint.
            Workers on other machines need it at the same path, such as in their container image.
        collect: largest number of texts to collect, a positive integer.
        **options: options of the translator, such as `beam_width=4` for a SavedModel or a model,
            `beam=True` for a TFLite file, or `features={"language": "kor"}`.

    Example:
        texts = pipeline | beam.io.ReadFromText("lines.txt")
        found = texts | RunInference(TranslationHandler("saved_models/pairs/1"))
        good = found | beam.Filter(lambda each: not isinstance(each, TextError))
        good | beam.Map(lambda each: each.text) | beam.io.WriteToText("out")
    """

    def __init__(
        self, model: str | Path, *, collect: int = 64 * SORTED_BATCHES, **options: Any
    ) -> None:
        super().__init__(max_batch_size=collect)
        self.model, self.options = str(model), options

    def load_model(self) -> Translate:
        """Load the model."""
        return open_model(self.model, **self.options)

    def run_inference(
        self,
        batch: Sequence[str],
        model: Translate,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Iterable[Answer]:
        """Return the translation of each text, or the error that explains why there is none."""
        return answer_sorted(model, batch)

    def get_num_bytes(self, batch: Sequence[str]) -> int:
        """Return the number of characters, which is faster to count than bytes."""
        return sum(map(len, batch))


class ChunkHandler(_TextHandler):
    """A handler whose batches are chunks, so that batches do not depend on the runner's bundles.

    Args:
        load: loads the model; it can be pickled.
    """

    def __init__(self, load: Callable[[], Translate]) -> None:
        super().__init__()
        self.load = load

    def load_model(self) -> Translate:
        """Load the model."""
        return self.load()

    def should_skip_batching(self) -> bool:
        """Return True, because a chunk already is a batch."""
        return True

    def run_inference(
        self, batch: Chunk, model: Translate, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[tuple[Chunk, list[Answer]]]:
        """Return the chunk with the answer to each of its lines."""
        return [(batch, answer_sorted(model, batch.lines))]

    def get_num_bytes(self, batch: Chunk) -> int:
        """Return the number of characters, which is faster to count than bytes."""
        return sum(len(line) for line in batch.lines if isinstance(line, str))
