"""Search with forced terms in a SavedModel or a TFLite file.

A search in an export has a fixed automaton, but the terms to force depend on the text of a source.
So the export cannot force them itself. However, `search` accepts any object with the methods
`encode` and `step`. This module makes such an object from the exported functions of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.constraints import check_forced
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import search
from keras_attention.errors import InputError, OptionError
from keras_attention.special_tokens import PAD_ID
from keras_attention.text.batched_texts import EncodedText, map_texts
from keras_attention.text.padded_batches import BATCH_NUMBERS
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.codec import TextCodec, pad
from keras_attention.translation.outputs.term_rule import TermEntry, TermRule, term_entries
from keras_attention.translation.result import Translation

from .model_functions import STATE

Arrays = Mapping[str, npt.NDArray[Any]]


class StepMemory(NamedTuple):
    """The memory of `B` sources, as the steps of an export read it.

    Attributes:
        mask: `[B, S]`, True for a real token.
        source: the ids `[B, F + S]`.
        named: the other outputs of the exported `encode`, by name.
    """

    mask: Any
    source: npt.NDArray[np.int32]
    named: Arrays


class ExportedSteps:
    """A model for `search` that runs the functions `encode` and `step` of an export.

    Args:
        encode: maps ids `[B, F + S]` to the outputs of `model_functions.encode`.
        step: receives tokens `[N]`, the ids that were given to `encode`, and the outputs of
            `encode` by name, with the states of `N` hypotheses. Returns the outputs of
            `model_functions.step`.
        features: number of source features `F`.
        longest: the largest number of decoder steps, or None if there is no limit.
    """

    def __init__(
        self,
        encode: Callable[[npt.NDArray[np.int32]], Arrays],
        step: Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32], Arrays], Arrays],
        *,
        features: int,
        longest: int | None,
    ) -> None:
        self._encode, self._step = encode, step
        self._features = features
        self.longest = longest

    def encode(self, source: Any) -> tuple[StepMemory, dict[str, Any]]:
        """Encode sources; see `Seq2Seq.encode`."""
        ids = keras.ops.convert_to_numpy(source)
        found = self._encode(ids)
        named = {name: array for name, array in found.items() if not name.startswith(STATE)}
        state = {name: _tensor(array) for name, array in found.items() if name not in named}
        mask = keras.ops.convert_to_tensor(ids[:, self._features :] != 0)
        return StepMemory(mask, ids, named), state

    def step(
        self, tokens: Any, state: Mapping[str, Any], memory: StepMemory
    ) -> tuple[Any, dict[str, Any], Any]:
        """Run one decoder step of all hypotheses; see `Seq2Seq.step`."""
        arrays = {name: keras.ops.convert_to_numpy(value) for name, value in state.items()}
        token = keras.ops.convert_to_numpy(tokens)
        found = self._step(token, memory.source, {**memory.named, **arrays})
        logits = _with_padding(found["log_probabilities"])
        new = {name: _tensor(found[name]) for name in state}
        return _tensor(logits), new, _tensor(found["alignment"])


def check_terms(terms: Any, codec: TextCodec, options: SearchOptions, *, limited: bool) -> TermRule:
    """Return the rule of a glossary, if an export can force its terms.

    Args:
        terms: the argument `terms` of `Translator.stream`.
        codec: the tokenizers of the export.
        options: the search options.
        limited: whether the outputs of the export are limited.

    Raises:
        OptionError: if the export's outputs are limited, or the search is greedy.
        TextError: if a term cannot be used. The error contains the number of its entry.
        InputError: if Keras does not run on TensorFlow.
    """
    entries = term_entries(terms)
    if limited:
        rule = "must be None for an export whose outputs are limited"
        raise OptionError("terms", rule, terms=f"{len(entries)} terms")
    check_forced(options)
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            "an export forces terms only if Keras runs on TensorFlow; unset KERAS_BACKEND. "
            f"Received: the backend {keras.backend.backend()!r}."
        )
    return _make_rule(codec, entries)


@lru_cache(1)  # a command gives the same glossary with every chunk of lines
def _make_rule(codec: TextCodec, entries: tuple[TermEntry, ...]) -> TermRule:
    return TermRule(codec.source, codec.target, entries)


def translate_forced(
    steps: ExportedSteps,
    codec: TextCodec,
    texts: Iterable[str],
    rule: TermRule,
    options: SearchOptions,
    *,
    limit: TextLimit,
    batch_size: int,
    nbest: int,
    source_steps: int = 0,
) -> Iterator[Translation]:
    """Translate texts with the terms that a glossary forces into their outputs.

    Args:
        steps: the exported functions.
        codec: the tokenizers and settings of the export.
        texts: the texts, with their source features.
        rule: the glossary.
        options: the search options.
        limit: the largest length of a text.
        batch_size: number of texts searched together.
        nbest: largest number of hypotheses of a text.
        source_steps: the smallest number of steps to pad sources to, for graphs of fixed size.

    Raises:
        TextError: if a text is too long, or its terms do not fit. The translations of the texts
            before it are yielded first.
    """

    def translate(batch: Sequence[EncodedText]) -> list[Translation]:
        tables = rule.tables([each.known for each in batch], options.beam_width)
        source = pad([each.ids for each in batch])
        source = np.pad(source, [(0, 0), (0, max(0, source_steps - source.shape[1]))])
        found = search(steps, source, options, **tables)
        arrays = map(keras.ops.convert_to_numpy, found)
        translations = codec.translations([each.text for each in batch], *arrays)
        return [replace(each, hypotheses=each.hypotheses[:nbest]) for each in translations]

    yield from map_texts(
        translate,
        texts,
        codec.source,
        limit,
        batch_size=batch_size,
        tokens=BATCH_NUMBERS // (options.beam_width * options.max_length),
        grouping=rule.grouping(options),
    )


def _with_padding(log_probabilities: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return logits whose log-softmax equals log-probabilities `[N, V]`.

    An export returns a probability of 0 for tokens that search never generates, so the others sum
    to less than 1. The softmax of `search` would raise them to a sum of 1, and scores would be too
    high. So this function gives the missing probability to padding, which is never generated.
    """
    logits = np.array(log_probabilities, "float32")
    share = 1 - np.exp(logits.astype("float64")).sum(axis=-1)
    logits[:, PAD_ID] = np.log(np.maximum(share, np.finfo("float32").tiny))
    return logits


def _tensor(array: npt.NDArray[Any]) -> Any:
    return keras.ops.convert_to_tensor(array)
