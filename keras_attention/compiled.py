"""A model's search and scoring as compiled functions, each traced once for all shapes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.hypotheses import target_log_probabilities
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import search
from keras_attention.models.short_listed import ShortListed
from keras_attention.vocabulary import START_ID

_MATRIX = (None, None)


class Searches:
    """The searches of one model, compiled once for each of the options they are asked for.

    Args:
        model: a `Seq2Seq` or an `Ensemble`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled: dict[tuple[SearchOptions, bool, int], Callable[..., Any]] = {}
        self._draws = keras.random.SeedGenerator(0)

    def __call__(
        self,
        source: npt.NDArray[np.int32],
        options: SearchOptions,
        *,
        prefix: Sequence[int] = (),
        batch: int = 0,
        allowed: npt.NDArray[np.int32] | None = None,
    ) -> list[npt.NDArray[Any]]:
        """Searches one batch.

        Args:
            source: ids `[B, S]`.
            options: how to search.
            prefix: target ids that every hypothesis must begin with.
            batch: its number, with which an integer seed gives each batch other draws.
            allowed: the target ids to choose among, in order, the special ones first, those of
                the prefix among them; default all. A graph serves one number of them.

        Returns:
            The arrays of `Hypotheses`.
        """
        if options.sample and isinstance(options.seed, Integral):
            # A variable, so that one graph draws by every seed.
            self._draws.state.assign([int(options.seed), batch])
            options = replace(options, seed=self._draws)
        arrays = [source]
        if prefix:
            begin = np.asarray(prefix) if allowed is None else np.searchsorted(allowed, prefix)
            arrays.append(np.tile(begin.astype("int32"), (len(source), 1)))
        if allowed is not None:
            arrays.append(allowed)
        key = options, bool(prefix), 0 if allowed is None else len(allowed)
        if key not in self._compiled:
            self._compiled[key] = self._compile(*key)
        tokens, *others = map(keras.ops.convert_to_numpy, self._compiled[key](*arrays))
        return [tokens if allowed is None else allowed[tokens], *others]

    def _compile(self, options: SearchOptions, prefixed: bool, allowed: int) -> Callable[..., Any]:
        def run(source: Any, *more: Any) -> Any:
            model = ShortListed(self._model, more[-1]) if allowed else self._model
            return search(model, source, options, prefix=more[0] if prefixed else None)

        # A graph of its own without a prefix: forcing one costs at every step.
        shapes = [_MATRIX] * (1 + prefixed) + [(allowed,)] * bool(allowed)
        return compile_ids(run, shapes)


def compile_scorer(model: Any) -> Callable[[Any, Any], Any]:
    """Log-probabilities `[B, T]` of target ids `[B, T]` under teacher forcing, for any shapes."""

    def run(source: Any, target: Any) -> Any:
        starts = keras.ops.full_like(target[:, :1], START_ID)
        shifted = keras.ops.concatenate([starts, target[:, :-1]], axis=1)
        logits, _ = model.teacher_forced(source, shifted)
        # Not `MaskedCrossentropy`, which contains a `tf.custom_gradient`: TensorFlow never frees
        # a graph that contains one.
        return target_log_probabilities(logits, target)

    return compile_ids(run, [_MATRIX, _MATRIX])


def compile_aligner(model: Any) -> Callable[[Any, Any], Any]:
    """Alignments `[B, T, S]` of teacher forcing by `target_in` `[B, T]`, for any shapes."""
    return compile_ids(
        lambda source, target_in: model.teacher_forced(source, target_in)[1],
        [_MATRIX, _MATRIX],
    )


def compile_ids(
    function: Callable[..., Any], shapes: Sequence[tuple[int | None, ...]]
) -> Callable[..., Any]:
    """A function of ids in arrays of these shapes; under TensorFlow one graph for all of them."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, tf.int32) for shape in shapes]
    # Nothing in our graphs is for AutoGraph to convert, and its reading takes most of a trace.
    compiled = tf.function(function, input_signature=signature, autograph=False)
    return compiled  # type: ignore[no-any-return]
