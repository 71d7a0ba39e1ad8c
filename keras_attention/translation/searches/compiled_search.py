"""A model's search and scoring as compiled functions, each traced only once for all shapes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.automata.term_automaton import ForcedTerms
from keras_attention.decoding.constraints import make_constraints
from keras_attention.decoding.greedy import Live, first_step, make_advance
from keras_attention.decoding.hypotheses import target_log_probabilities
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.sampling import draw_points
from keras_attention.decoding.search import search
from keras_attention.models.short_listed import ShortListed
from keras_attention.ops.no_gradient import without_gradient
from keras_attention.special_tokens import START_ID
from keras_attention.translation.searches.streaming import ChosenToken


class _Input(NamedTuple):
    """An input array of a compiled function."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "int32"


_TABLES = {"automaton": Automaton, "terms": ForcedTerms}
"""Arguments of a search that consist of several arrays, which are inputs with names such as
`automaton.edges`."""

_PAIR = (_Input("source", (None, None)), _Input("target", (None, None)))


class Searches:
    """The searches of one model, compiled once for each set of options.

    Several threads may call one object at the same time.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled: dict[tuple[str, SearchOptions, tuple[_Input, ...]], Any] = {}
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
        terms: ForcedTerms | None = None,
    ) -> list[npt.NDArray[Any]]:
        """Search one batch, and return the arrays of `Hypotheses`.

        Args:
            source: ids `[B, S]`.
            options: the search options.
            prefix: target ids that every hypothesis must begin with.
            first: number of the first source. With an integer seed, samples depend on the number
                of their source.
            allowed: the target ids that the search may choose, in ascending order, including the
                special tokens and the prefix. Default: all. Each number of ids needs its own graph.
            automaton: the automaton that accepts the allowed outputs; None allows all. The caller
                must pass it to `check_limited` first. Cannot be combined with `allowed`. All
                automata share a graph.
            terms: the terms of each source, if the automaton is that of forced terms.
        """
        inputs, arrays = _inputs_of(source, prefix, allowed, automaton=automaton, terms=terms)
        if options.sample and isinstance(options.seed, Integral):
            numbers = range(first, first + len(source))
            inputs.append(_Input("points", (None, None), "float32"))
            arrays.append(
                draw_points(int(options.seed), numbers, options.beam_width, options.max_length)
            )
            options = replace(options, seed=0)  # the same graph serves all seeds
        tokens, *others = map(
            keras.ops.convert_to_numpy,
            self._find("search", options, tuple(inputs), _compile_search)(*arrays),
        )
        return [tokens if allowed is None else allowed[tokens], *others]

    def steps(
        self,
        source: npt.NDArray[np.int32],
        options: SearchOptions,
        *,
        prefix: Sequence[int] = (),
        allowed: npt.NDArray[np.int32] | None = None,
        automaton: Automaton | None = None,
    ) -> Iterator[ChosenToken]:
        """Search one source greedily and yield each token as soon as it is chosen.

        `__call__` finds the same tokens.

        Args:
            source: ids `[1, S]`.
            options: the options of a greedy search.
            prefix: as for `__call__`.
            allowed: as for `__call__`.
            automaton: as for `__call__`.

        Yields:
            The tokens, up to the end token, which is included.
        """
        inputs, arrays = _inputs_of(source, prefix, allowed, automaton=automaton)
        begin, advance = self._find("steps", options, tuple(inputs), _compile_steps)
        others = arrays[1 + bool(prefix) :]  # the short list or the automaton
        live, history, memory = begin(*arrays)
        for t in range(options.max_length):
            now = keras.ops.convert_to_tensor(t, "int32")
            live, history = advance(now, live, history, memory, *others)
            tokens, scores, finished, weights = map(
                keras.ops.convert_to_numpy, (live.tokens, live.scores, live.finished, history[1][t])
            )
            token = int(tokens[0] if allowed is None else allowed[tokens[0]])
            yield ChosenToken(token, float(scores[0]), weights[0])
            if finished[0]:
                return

    def _find(
        self,
        kind: str,
        options: SearchOptions,
        inputs: tuple[_Input, ...],
        compile_: Callable[..., Any],
    ) -> Any:
        """Return the compiled functions for these options and inputs; compile on first use."""
        key = kind, options, inputs
        with self._compiling:
            if key not in self._compiled:
                self._compiled[key] = compile_(self._model, options, inputs)
        return self._compiled[key]


def _inputs_of(
    source: npt.NDArray[np.int32],
    prefix: Sequence[int],
    allowed: npt.NDArray[np.int32] | None,
    **tables: Any,
) -> tuple[list[_Input], list[npt.NDArray[Any]]]:
    """Return the inputs of a search and their arrays: source, prefix, short list and `_TABLES`."""
    inputs = [_Input("source", (None, None))]
    arrays: list[npt.NDArray[Any]] = [source]
    if prefix:
        begin = np.asarray(prefix) if allowed is None else np.searchsorted(allowed, prefix)
        inputs.append(_Input("prefix", (None, None)))
        arrays.append(np.tile(begin.astype("int32"), (len(source), 1)))
    if allowed is not None:
        inputs.append(_Input("allowed", (len(allowed),)))
        arrays.append(allowed)
    for table, values in tables.items():
        for name, array in values._asdict().items() if values is not None else ():
            inputs.append(_Input(f"{table}.{name}", (None,) * array.ndim))
            arrays.append(array)
    return inputs, arrays


def _pop_tables(given: dict[str, Any]) -> dict[str, Any]:
    """Remove the arrays of `_TABLES` from the named arrays; return the tables that were given."""
    tables = {}
    for table, kind in _TABLES.items():
        names = [name for name in given if name.startswith(f"{table}.")]
        if names:
            tables[table] = kind(*(given.pop(name) for name in names))
    return tables


def _compile_search(
    model: Any, options: SearchOptions, inputs: tuple[_Input, ...]
) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        given = dict(zip((each.name for each in inputs), arrays, strict=True))
        searched, tables = _listed(model, given.pop("allowed", None)), _pop_tables(given)
        return search(searched, given.pop("source"), options, **tables, **given)

    # Searches without a prefix have their own graph, because a prefix slows down every step.
    return compile_arrays(run, inputs)


def _compile_steps(
    model: Any, options: SearchOptions, inputs: tuple[_Input, ...]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile the part of a greedy search before its loop, and one step of the loop."""
    names = [each.name for each in inputs]
    others = [name for name in names if name not in ("source", "prefix")]

    def begin(*arrays: Any) -> Any:
        given = dict(zip(names, arrays, strict=True))
        memory, state = _listed(model, given.get("allowed")).encode(given["source"])
        constraints = make_constraints(options, given.get("prefix"), **_pop_tables(given))
        first = first_step(state, memory, max_length=options.max_length, constraints=constraints)
        return (*first, memory)

    def advance(t: Any, live: Live, history: Any, memory: Any, *arrays: Any) -> Any:
        given = dict(zip(others, arrays, strict=True))
        prefix = None if isinstance(live.prefix, tuple) else live.prefix
        constraints = make_constraints(options, prefix, **_pop_tables(given))
        step = _listed(model, given.get("allowed")).step
        return make_advance(step, None, constraints)(t, live, history, memory)

    compiled: Any = compile_arrays(begin, inputs)
    if keras.backend.backend() != "tensorflow":
        return compiled, without_gradient(advance)
    import tensorflow as tf

    outputs = compiled.get_concrete_function().structured_outputs
    specs = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), outputs)
    arrays = [tf.TensorSpec(each.shape, each.dtype) for each in inputs if each.name in others]
    signature = [tf.TensorSpec([], tf.int32), *specs, *arrays]
    return compiled, tf.function(advance, input_signature=signature, autograph=False)


def _listed(model: Any, allowed: Any) -> Any:
    """Return the model, restricted to the allowed tokens if there are any."""
    return model if allowed is None else ShortListed(model, allowed)


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
        return without_gradient(function)
    import tensorflow as tf

    signature = [tf.TensorSpec(each.shape, each.dtype) for each in inputs]
    # AutoGraph would find nothing to convert in our code, but would take most of the time.
    compiled = tf.function(function, input_signature=signature, autograph=False)
    return compiled  # type: ignore[no-any-return]
