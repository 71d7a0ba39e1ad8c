"""The one search interface: source ids in, hypotheses out."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.constraints import make_constraints
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import Hypotheses, Tensor
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.sampling import sample_search
from keras_attention.errors import InputError, OptionError
from keras_attention.models.kinds import describe_other


def search(
    model: Any,
    source: Tensor,
    options: SearchOptions | None = None,
    *,
    prefix: Tensor | None = None,
    points: Tensor | None = None,
    **overrides: Any,
) -> Hypotheses:
    """Searches the best outputs for a batch of sources, or draws some.

    Args:
        model: a `Seq2Seq`, or anything with its `encode` and `step`, which gets tokens and state
            of `B * beam_width` hypotheses and the memory of `B` sources. In graphs of any batch
            size sources are dropped as they end, where the memory has `take` as `Memory` has.
        source: integer ids `[B, S]`, closed by the end token and padded with 0; or the features
            `[B, *source_shape]` that the model reads.
        options: how to search; without them `max_length` must be among the overrides.
        prefix: target ids `[B, P]` that every hypothesis must begin with whatever the options
            say, padded with 0 where the model chooses; or None.
        points: for samples, the numbers that `draw_points` returns, as a `Translator` uses them;
            or None to draw by the seed, which then depends on the batch size.
        **overrides: fields of `SearchOptions`, in place of those of `options`.

    Returns:
        `Hypotheses` with `beam_width` hypotheses a source, best first; samples in the order of
        drawing.

    Raises:
        ValueError: if an option is out of its range, the source is not a matrix of ids, the prefix
            does not fit, or the model's decoder has no room for `max_length` steps.

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
        options = dataclasses.replace(options, **overrides)
    if not hasattr(model, "encode"):
        raise InputError(f"expected a Seq2Seq. {describe_other(model)}")
    check_room(model, options.max_length)
    source = _checked_source(source, model)
    if prefix is not None:
        prefix = _checked_prefix(prefix, source, options.max_length)
    memory, state = model.encode(source)
    width, max_length = options.beam_width, options.max_length
    constraints = make_constraints(options, prefix, width)
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
    """Checks that the decoder of a model has room for as many steps.

    Raises:
        OptionError: if it has not.
    """
    longest = getattr(model, "longest", None)
    if longest is not None and max_length > longest:
        rule = f"must be at most {longest}, the steps that this model's decoder has room for"
        raise OptionError("max_length", rule, max_length=max_length)


def _checked_source(source: Tensor, model: Any) -> Tensor:
    source = ops.convert_to_tensor(source)
    if getattr(getattr(model, "settings", None), "source_shape", None) is not None:
        return source  # features, which the model checks
    shape = tuple(source.shape)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(
            "`source` must be ids [B, S], each row closed by the end token. "
            f"Received: shape {shape} of {keras.backend.standardize_dtype(source.dtype)}."
        )
    return ops.cast(source, "int32")


def _checked_prefix(prefix: Tensor, source: Tensor, max_length: int) -> Tensor:
    prefix = ops.convert_to_tensor(prefix)
    shape, rows = tuple(prefix.shape), source.shape[0]
    integers = "int" in keras.backend.standardize_dtype(prefix.dtype)
    if len(shape) != 2 or not integers or None not in (shape[0], rows) and shape[0] != rows:
        raise ValueError(
            "`prefix` must be integer ids with a row for each source. "
            f"Received: shape {shape} of {prefix.dtype} for {rows} sources."
        )
    if shape[1] is not None and shape[1] > max_length:
        raise ValueError(
            "`prefix` must not be longer than `max_length`. "
            f"Received: {shape[1]} steps, max_length={max_length}."
        )
    return ops.cast(prefix, "int32")
