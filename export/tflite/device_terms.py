"""Force terms into the outputs of a TFLite file, in programs that have the whole library.

The file's own beam search cannot force terms. Their automaton depends on the source and can have up
to a million edges, but the tensors of a search in the file have fixed sizes. So the search runs
here, and the file runs only the encoder and the decoder steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_attention.errors import check_texts
from keras_attention.translation.result import Translation

from ..device.device_translator import DeviceTranslator
from ..graphs.exported_steps import Arrays, ExportedSteps, check_terms, translate_forced
from ..graphs.model_functions import STATE


def translate_with_terms(
    device: DeviceTranslator,
    texts: Iterable[str],
    terms: Any,
    *,
    beam_width: int | None = None,
    nbest: int = 1,
    features: Mapping[str, str] | None = None,
) -> Iterator[Translation]:
    """Translate texts with a TFLite file, and force the terms of a glossary into the outputs.

    The results are those of `Translator.stream` with the same terms. The file runs the decoder
    steps of the hypotheses one after the other.

    Args:
        device: the TFLite file.
        texts: an iterable of strings.
        terms: a glossary, as for `Translator.stream`.
        beam_width: number of hypotheses of a search, at least 2. Default: that of the file's own
            beam search.
        nbest: largest number of hypotheses of a text.
        features: the value of each source feature, by name; see `add_features`.

    Raises:
        OptionError: if the beam is too narrow, or the outputs of the file are limited.
        TextError: if a term cannot be used. When the iterator runs: if a text is too long, or its
            terms do not fit; the translations of the texts before it are yielded first.
        InputError: if Keras does not run on TensorFlow.
    """
    codec = device.codec
    texts = codec.source.features.add_to(check_texts(texts), features)
    options = codec.settings.options(beam_width=beam_width or device.manifest["beam_width"])
    rule = check_terms(terms, codec, options, limited=device.automaton is not None)
    return translate_forced(
        _steps(device),
        codec,
        texts,
        rule,
        options,
        limit=device.text_limit,
        batch_size=1,
        nbest=nbest,
        source_steps=device.least_tokens,
    )


def _steps(device: DeviceTranslator) -> ExportedSteps:
    def step(token: Any, source: Any, named: Arrays) -> Arrays:
        rows = [
            device.run(
                "decode_step",
                token=token[row : row + 1],
                source=source,
                **{
                    name: array[row : row + 1] if name.startswith(STATE) else array
                    for name, array in named.items()
                },
            )
            for row in range(len(token))
        ]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    return ExportedSteps(
        lambda source: device.run("encode", source=source),
        step,
        features=len(device.codec.source.features),
        longest=device.manifest.get("max_steps"),
    )
