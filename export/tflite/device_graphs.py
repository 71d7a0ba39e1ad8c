"""The graphs of a TFLite file: its signatures, which share one set of weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.samplers import BEAM_WIDTH
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.translation.outputs.output_rule import automaton_of
from keras_attention.translation.translator import Translator

from ..device.device_file import BATCHED
from ..graphs import model_functions
from ..graphs.model_functions import trace
from ..graphs.named_memory import Named
from ..graphs.searches import search_all, search_best


def beam_width_of(settings: SearchSettings | SearchOptions) -> int:
    """Return the number of hypotheses of the signature `beam`, which is fixed in a file."""
    return settings.beam_width if settings.beam_width > 1 else BEAM_WIDTH


def trace_graphs(translator: Translator, batch_size: int = 1) -> dict[str, Any]:
    """Return the traced signatures of a TFLite file, for one source of any length `S`.

    - `greedy` accepts `source` `[1, S]`, ended by the end token and padded with 0, and returns
      `tokens` `[1, T]`, `score` `[1]` and `alignment` `[1, T, S]`.
    - `beam` returns the same for `K` hypotheses, `[1, K, ...]`, best first. If there are fewer
      hypotheses, the unused rows have a score below -5e8.
    - `encode` and `decode_step` are `model_functions.encode` and `model_functions.step`.

    With a `batch_size` of 2 or more, there are also `greedy_batch` and `beam_batch`, the searches
    for `batch_size` sources. The batch size is fixed, because a TFLite loop needs
    to know the number of rows.

    An empty source has an empty output with a score of 0.
    """
    model, settings = translator.model, translator.codec.settings
    automaton = automaton_of(translator.output_rule)
    source = tf.TensorSpec([1, None], tf.int32, "source")
    greedy = settings.options(beam_width=1)
    beam = settings.options(beam_width=beam_width_of(settings))

    def find_best(source: tf.Tensor) -> Named:
        return search_best(model, source, greedy, automaton)

    def find_all(source: tf.Tensor) -> Named:
        return search_all(model, source, beam, automaton)

    graphs = {
        "greedy": trace(find_best, source),
        "beam": trace(find_all, source),
        "encode": trace(lambda source: model_functions.encode(model, source), source),
    }
    specs = model_functions.step_specs(graphs["encode"].structured_outputs, source)
    graphs["decode_step"] = trace(partial(model_functions.step, model), **specs)
    if batch_size > 1:
        sources = tf.TensorSpec([batch_size, None], tf.int32, "source")
        graphs[BATCHED["greedy"]] = trace(find_best, sources)
        graphs[BATCHED["beam"]] = trace(find_all, sources)
    return graphs
