"""The quality gate: what each precision costs on held-out text, and which may be the default."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from keras_attention.errors import InputError
from keras_attention.files.text_files import write_atomically
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator

from ..device.device_translator import DeviceTranslator
from .conversion import PRECISIONS, Converted

MOST_LOST = 0.3
"""Points of the metric, in hundredths, that the default file may lose against the Keras model."""

Texts = Sequence[str]


@dataclass(frozen=True)
class Quality:
    """How outputs are judged.

    Attributes:
        name: the metric's name.
        score: its value in hundredths, of outputs, targets and sources.
        higher_is_better: whether more of it is better.
    """

    name: str
    score: Callable[[Texts, Texts, Texts], float]
    higher_is_better: bool

    def loss(self, value: float, reference: float) -> float:
        """By how much `value` is worse."""
        return reference - value if self.higher_is_better else value - reference


@dataclass(frozen=True)
class MeasuredPrecision:
    """One precision beside the Keras model, on the same lines.

    Attributes:
        precision: its name.
        size: bytes of the file.
        share: its size over that of float32.
        milliseconds: median a line of processor time, on one thread.
        tokens: share of equal tokens, of the longer output's places.
        sentences: share of equal outputs.
        value: the metric.
        loss: by how much it is worse than the Keras model's; below 0 if better.
    """

    precision: str
    size: int
    share: float
    milliseconds: float
    tokens: float
    sentences: float
    value: float
    loss: float

    @property
    def passes(self) -> bool:
        """Whether it may be the default."""
        return self.loss <= MOST_LOST + 1e-9  # 30 - 29.7 is a little more


@dataclass(frozen=True)
class Gate:
    """What was measured.

    Attributes:
        metric: the metric's name.
        lines: how many pairs were decoded.
        keras: the Keras model's value, greedy.
        variants: every precision's.
    """

    metric: str
    lines: int
    keras: float
    variants: tuple[MeasuredPrecision, ...]

    @property
    def default(self) -> str:
        """The precision of the smallest file that passes.

        Raises:
            InputError: if none does.
        """
        passing = [variant for variant in self.variants if variant.passes]
        if not passing:
            raise InputError(
                f"every TFLite file loses more than {MOST_LOST} points of {self.metric}; "
                "please report this."
            )
        return min(passing, key=lambda variant: variant.size).precision

    def require(self, precision: str) -> None:
        """Checks that a precision may be the default.

        Raises:
            InputError: if it loses too much.
        """
        (variant,) = (each for each in self.variants if each.precision == precision)
        if not variant.passes:
            raise InputError(
                f"{precision} loses {variant.loss:.2f} points of {self.metric} on {self.lines} "
                f"held-out pairs, more than {MOST_LOST}: it is not made the default; "
                f"{self.default} may be."
            )

    def save(self, path: Path, default: str) -> None:
        """Writes the table as JSON, with the precision that was made the default."""
        values = {**asdict(self), "most_lost": MOST_LOST, "default": default}
        with write_atomically(path) as temporary_path:
            temporary_path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def measure_variants(
    translator: Translator,
    converted: Converted,
    pairs: Sequence[tuple[str, str]],
    quality: Quality,
    *,
    advance: Callable[[int], object] = lambda count: None,
) -> Gate:
    """Decodes held-out pairs greedily with the Keras model and with every precision.

    Args:
        translator: the Keras model's translator.
        converted: the same, converted.
        pairs: sources and targets; those with more tokens than a file takes are left out.
        quality: the task's metric.
        advance: called with the number of pairs finished since its last call; each pair counts once
            for the Keras model and once for each precision.

    Raises:
        InputError: if no pair is left.
    """
    codec = translator.codec
    limit = TextLimit(codec.settings.max_source_length)
    fitting = [pair for pair in pairs if limit.fits(pair[0], codec.source)]
    if not fitting:
        raise InputError(f"expected pairs of at most {limit.tokens} source tokens. Received: none.")
    sources = [source for source, _ in fitting]
    targets = [codec.reference_form(target) for _, target in fitting]
    whole = Translator(translator.model, translator.codec)  # exports search all of the vocabulary
    expected = whole(sources, beam_width=1)
    advance(len(sources) + (1 + len(PRECISIONS)) * (len(pairs) - len(sources)))

    def judge(found: Sequence[Translation]) -> float:
        return quality.score([codec.reference_form(each.text) for each in found], targets, sources)

    reference = judge(expected)
    variants: list[MeasuredPrecision] = []
    for precision, size, found, milliseconds in _decoded(converted, sources, advance):
        share, value = size / (variants[0].size if variants else size), judge(found)
        equal, loss = _equal(found, expected), quality.loss(value, reference)
        variants.append(
            MeasuredPrecision(precision, size, share, milliseconds, *equal, value, loss)
        )
    return Gate(quality.name, len(fitting), reference, tuple(variants))


def _decoded(
    converted: Converted, sources: Texts, advance: Callable[[int], object]
) -> Iterator[tuple[str, int, list[Translation], float]]:
    """Each precision, float32 first: its file's bytes, its translations and their time."""
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            file = converted.write(Path(folder) / f"{precision}.tflite", precision)
            yield (
                precision,
                file.stat().st_size,
                *_timed(DeviceTranslator.load(file), sources, advance),
            )


def _timed(
    device: DeviceTranslator, sources: Texts, advance: Callable[[int], object]
) -> tuple[list[Translation], float]:
    """Translations, and the median of their milliseconds, which other programs do not stretch."""
    device(sources[:1])  # what is made once is not counted
    found, times = [], []
    for source in sources:
        start = time.process_time()
        found += device([source])
        times.append(1000 * (time.process_time() - start))
        advance(1)
    return found, median(times)


def _equal(found: Sequence[Translation], expected: Sequence[Translation]) -> tuple[float, float]:
    """Shares of equal tokens and of equal outputs."""
    pairs = [(a.tokens, b.tokens) for a, b in zip(found, expected, strict=True)]
    same = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    places = sum(max(len(a), len(b)) for a, b in pairs)
    return same / places, sum(a == b for a, b in pairs) / len(pairs)
