"""A model's search and scoring as compiled functions, each traced only once for all shapes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.hypotheses import target_log_probabilities
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.sampling import draw_points
from keras_attention.decoding.search import search
from keras_attention.models.short_listed import ShortListed
from keras_attention.special_tokens import START_ID


class _Input(NamedTuple):
    """An input array of a compiled function."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "int32"


_AUTOMATON = "automaton."
"""Prefix of the names of the inputs that are the arrays of an `Automaton`."""

_PAIR = (_Input("source", (None, None)), _Input("target", (None, None)))


class Searches:
    """The searches of one model, compiled once for each set of options.

    Several threads may call one object at the same time.

    Args:
        model: a `Seq2Seq` or an `Ensemble`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled: dict[tuple[SearchOptions, tuple[_Input, ...]], Callable[..., Any]] = {}
        self._compiling = threading.Lock()

    def __call__(
        self,
        source: npt.NDArray[np.int32],
        options: SearchOptions,
        *,
        prefix: Sequence[int] = (),
        first: int = 0,
        allowed: npt.NDArray[np.int32] | None = None,
        automaton: Automaton | None = None,
    ) -> list[npt.NDArray[Any]]:
        """Search one batch.

        Args:
            source: ids `[B, S]`.
            options: the search options.
            prefix: target ids that every hypothesis must begin with.
            first: number of the first source. With an integer seed, samples depend on the number
                of their source.
            allowed: the target ids that the search may choose, in ascending order, including the
                special tokens and the prefix; default all. Each number of ids needs its own graph.
            automaton: the automaton that accepts the allowed outputs, whose options were checked;
                None allows all. It excludes `allowed`. All automata share a graph.

        Returns:
            The arrays of `Hypotheses`.
        """
        inputs = [_Input("source", (None, None))]
        arrays: list[npt.NDArray[Any]] = [source]
        if prefix:
            begin = np.asarray(prefix) if allowed is None else np.searchsorted(allowed, prefix)
            inputs.append(_Input("prefix", (None, None)))
            arrays.append(np.tile(begin.astype("int32"), (len(source), 1)))
        if allowed is not None:
            inputs.append(_Input("allowed", (len(allowed),)))
            arrays.append(allowed)
        if automaton is not None:
            for name, array in automaton._asdict().items():
                inputs.append(_Input(f"{_AUTOMATON}{name}", (None,) * array.ndim))
                arrays.append(array)
        if options.sample and isinstance(options.seed, Integral):
            numbers = range(first, first + len(source))
            inputs.append(_Input("points", (None, None), "float32"))
            arrays.append(
                draw_points(int(options.seed), numbers, options.beam_width, options.max_length)
            )
            options = replace(options, seed=0)  # the same graph serves all seeds
        tokens, *others = map(
            keras.ops.convert_to_numpy, self._function(options, tuple(inputs))(*arrays)
        )
        return [tokens if allowed is None else allowed[tokens], *others]

    def _function(self, options: SearchOptions, inputs: tuple[_Input, ...]) -> Callable[..., Any]:
        """Return the compiled search for these options and inputs; compile it on first use."""
        key = options, inputs
        with self._compiling:
            if key not in self._compiled:
                self._compiled[key] = self._compile(options, inputs)
        return self._compiled[key]

    def _compile(self, options: SearchOptions, inputs: tuple[_Input, ...]) -> Callable[..., Any]:
        automaton_names = [each.name for each in inputs if each.name.startswith(_AUTOMATON)]

        def run(*arrays: Any) -> Any:
            given = dict(zip((each.name for each in inputs), arrays, strict=True))
            allowed = given.pop("allowed", None)
            model = self._model if allowed is None else ShortListed(self._model, allowed)
            parts = {name.removeprefix(_AUTOMATON): given.pop(name) for name in automaton_names}
            automaton = Automaton(**parts) if parts else None
            return search(model, given.pop("source"), options, automaton=automaton, **given)

        # Searches without a prefix have their own graph, because a prefix slows down every step.
        return compile_arrays(run, inputs)


def compile_scorer(model: Any) -> Callable[[Any, Any], Any]:
    """Compile a function for the log-probabilities `[B, T]` of target ids by teacher forcing."""

    def run(source: Any, target: Any) -> Any:
        starts = keras.ops.full_like(target[:, :1], START_ID)
        shifted = keras.ops.concatenate([starts, target[:, :-1]], axis=1)
        logits, _ = model.teacher_forced(source, shifted)
        # Do not use `MaskedCrossentropy`: it contains a `tf.custom_gradient`, and TensorFlow never
        # frees a graph that contains a custom gradient.
        return target_log_probabilities(logits, target)

    return compile_arrays(run, _PAIR)


def compile_aligner(model: Any) -> Callable[[Any, Any], Any]:
    """Compile a function for the alignments `[B, T, S]` of teacher forcing with `target_in`."""
    return compile_arrays(
        lambda source, target_in: model.teacher_forced(source, target_in)[1], _PAIR
    )


def compile_arrays(function: Callable[..., Any], inputs: Sequence[_Input]) -> Callable[..., Any]:
    """Compile a function of these inputs; in TensorFlow one graph serves all their shapes."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    signature = [tf.TensorSpec(each.shape, each.dtype) for each in inputs]
    # AutoGraph would find nothing to convert in our code, but would take most of the time.
    compiled = tf.function(function, input_signature=signature, autograph=False)
    return compiled  # type: ignore[no-any-return]
