"""The interface to all searches, which read source ids and return hypotheses."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.automata.term_automaton import ForcedTerms
from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.constraints import (
    check_forced,
    check_limited,
    check_term_tables,
    make_constraints,
)
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import Hypotheses, Tensor
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.sampling import sample_search
from keras_attention.errors import InputError, OptionError
from keras_attention.kinds import describe_other
from keras_attention.ops.ids import check_ids
from keras_attention.ops.no_gradient import without_gradient


@without_gradient
def search(
    model: Any,
    source: Tensor,
    options: SearchOptions | None = None,
    *,
    prefix: Tensor | None = None,
    points: Tensor | None = None,
    automaton: Automaton | None = None,
    terms: ForcedTerms | None = None,
    **overrides: Any,
) -> Hypotheses:
    """Search for the best outputs of a batch of sources, or sample outputs.

    Args:
        model: a `Seq2Seq`, or an object with the same `encode` and `step`. `step` receives tokens
            and state of `B * beam_width` hypotheses and the memory of `B` sources. In a graph for
            any batch size, sources that have ended are dropped if the memory has the method `take`
            of `Memory`.
        source: integer ids `[B, S]`, each row with the end token and then padding 0 at its end; or
            features `[B, *source_shape]`, if the model reads features.
        options: the search options; without them, `overrides` must contain `max_length`.
        prefix: target ids `[B, P]` that every hypothesis must begin with, regardless of the
            options. Where the id is 0, the model chooses the token. None means no prefix.
        points: for sampling, numbers from `draw_points`, as a `Translator` passes them. If None,
            the draws depend on the seed and on the batch size.
        automaton: the automaton that accepts the allowed outputs, from `make_trie` or
            `make_automaton`. Search returns only complete allowed outputs of at most `max_length`
            tokens. If no allowed output begins with the prefix, there is no hypothesis. None
            allows all outputs.
        terms: the terms that the outputs of each source must contain, from `make_term_automaton`.
            That function also returns their `automaton`; pass both. Terms require beam search
            without groups. The search of a source ends when no other hypothesis can outrank the
            best one, so there may be fewer than `beam_width` hypotheses.
        **overrides: fields of `SearchOptions` that replace the fields of `options`.

    Returns:
        `Hypotheses` with `beam_width` hypotheses per source, best first. Samples are in the order
        in which they were drawn.

    Raises:
        ValueError: if an option is out of its range, if the source is not a matrix of ids, if the
            prefix has a wrong shape or type, if an id is not in its vocabulary, if `max_length`
            exceeds the limit of the model's decoder, or if an option contradicts the `automaton` or
            the `terms`.
        TypeError: if an option is unknown.

    Example:
        >>> import numpy as np
        >>> from keras_attention import Seq2Seq, search
        >>> model = Seq2Seq(10, 12, units=8, embedding=4)
        >>> hypotheses = search(model, np.array([[5, 6, 2]]), max_length=7, beam_width=4)
        >>> tuple(hypotheses.tokens.shape)
        (1, 4, 7)
    """
    if options is None:
        options = SearchOptions(**overrides)
    elif overrides:
        SearchOptions.check_names(overrides)
        options = dataclasses.replace(options, **overrides)
    if not hasattr(model, "encode"):
        raise InputError(f"expected a Seq2Seq. {describe_other(model)}")
    check_room(model, options.max_length)
    source = _checked_source(source, model)
    if prefix is not None:
        prefix = _checked_prefix(prefix, source, options.max_length)
        if sizes := getattr(model, "vocabulary_sizes", None):
            check_ids(prefix, sizes[1], "prefix", "target_vocabulary_size")
    if terms is not None:
        check_forced(options)
        check_term_tables(options, automaton, terms, source.shape[0])
    elif automaton is not None and isinstance(automaton.edges, np.ndarray):
        check_limited(options, automaton)  # tensors in a graph were checked before
    memory, state = model.encode(source)
    width, max_length = options.beam_width, options.max_length
    constraints = make_constraints(options, prefix, width, automaton, terms)
    if options.sample:
        return sample_search(
            model.step,
            state,
            memory,
            samples=width,
            max_length=max_length,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            seed=options.seed,
            points=points,
            constraints=constraints,
        )
    if width == 1:
        return greedy_search(
            model.step, state, memory, max_length=max_length, constraints=constraints
        )
    return beam_search(
        model.step,
        state,
        memory,
        beam_width=width,
        length_penalty=options.length_penalty,
        max_length=max_length,
        coverage_penalty=options.coverage_penalty,
        groups=options.groups,
        group_diversity=options.group_diversity,
        constraints=constraints,
    )


def check_room(model: Any, max_length: int) -> None:
    """Check that the decoder of a model can run `max_length` steps.

    Raises:
        OptionError: if `max_length` is larger than the decoder's limit.
    """
    longest = getattr(model, "longest", None)
    if longest is not None and max_length > longest:
        rule = f"must be at most {longest}, the largest number of steps of this model's decoder"
        raise OptionError("max_length", rule, max_length=max_length)


def _checked_source(source: Tensor, model: Any) -> Tensor:
    source = ops.convert_to_tensor(source)
    if None in getattr(model, "vocabulary_sizes", ()):
        return source  # features; the model checks them
    shape = tuple(source.shape)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(
            "`source` must be ids [B, S], with S of at least 1 and the end token in each row. "
            f"Received: shape {shape} of {keras.backend.standardize_dtype(source.dtype)}."
        )
    return ops.cast(source, "int32")


def _checked_prefix(prefix: Tensor, source: Tensor, max_length: int) -> Tensor:
    prefix = ops.convert_to_tensor(prefix)
    shape, rows = tuple(prefix.shape), source.shape[0]
    integers = "int" in keras.backend.standardize_dtype(prefix.dtype)
    if len(shape) != 2 or not integers or None not in (shape[0], rows) and shape[0] != rows:
        raise ValueError(
            "`prefix` must be integer ids [B, P] with a row for each source. "
            f"Received: shape {shape} of {keras.backend.standardize_dtype(prefix.dtype)} for "
            f"{rows} sources."
        )
    if shape[1] is not None and shape[1] > max_length:
        raise ValueError(
            "`prefix` must not be longer than `max_length`. "
            f"Received: {shape[1]} steps, max_length={max_length}."
        )
    return ops.cast(prefix, "int32")
