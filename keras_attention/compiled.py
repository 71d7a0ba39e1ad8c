"""A model's search and scoring as compiled functions, each traced once for all shapes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import search
from keras_attention.losses import MaskedCrossentropy
from keras_attention.vocabulary import START_ID


class Searches:
    """The searches of one model, compiled once for each of the options they are asked for.

    Args:
        model: a `Seq2Seq` or an `Ensemble`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled: dict[tuple[SearchOptions, bool], Callable[..., Any]] = {}
        self._draws = keras.random.SeedGenerator(0)

    def __call__(
        self,
        source: npt.NDArray[np.int32],
        options: SearchOptions,
        *,
        prefix: Sequence[int] = (),
        batch: int = 0,
    ) -> list[npt.NDArray[Any]]:
        """Searches one batch.

        Args:
            source: ids `[B, S]`.
            options: how to search.
            prefix: target ids that every hypothesis must begin with.
            batch: its number, with which an integer seed gives each batch other draws.

        Returns:
            The arrays of `Hypotheses`.
        """
        if options.sample and isinstance(options.seed, Integral):
            # A variable, so that one graph draws by every seed.
            self._draws.state.assign([int(options.seed), batch])
            options = replace(options, seed=self._draws)
        arrays = [source]
        if prefix:
            arrays.append(np.tile(np.asarray(prefix, "int32"), (len(source), 1)))
        key = options, bool(prefix)
        if key not in self._compiled:
            self._compiled[key] = self._compile(*key)
        return [keras.ops.convert_to_numpy(array) for array in self._compiled[key](*arrays)]

    def _compile(self, options: SearchOptions, prefixed: bool) -> Callable[..., Any]:
        # A graph of its own without a prefix: forcing one costs at every step.
        if prefixed:
            return compile_ids(
                lambda source, prefix: search(self._model, source, options, prefix=prefix), 2
            )
        return compile_ids(lambda source: search(self._model, source, options), 1)


def compile_scorer(model: Any) -> Callable[[Any, Any], Any]:
    """Log-probabilities `[B, T]` of target ids `[B, T]` under teacher forcing, for any shapes."""

    def run(source: Any, target: Any) -> Any:
        starts = keras.ops.full_like(target[:, :1], START_ID)
        shifted = keras.ops.concatenate([starts, target[:, :-1]], axis=1)
        logits, _ = model.teacher_forced(source, shifted)
        return -MaskedCrossentropy().call(target, logits)

    return compile_ids(run, 2)


def compile_ids(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function of `count` matrices of ids; under TensorFlow one graph for all their shapes."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    ids = tf.TensorSpec([None, None], tf.int32)
    return tf.function(function, input_signature=[ids] * count)  # type: ignore[no-any-return]
