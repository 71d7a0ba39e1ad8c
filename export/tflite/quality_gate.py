"""The quality gate: measures what each precision loses, and decides which may be the default."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import format_json
from keras_attention.text.text_limit import TextLimit, default_limit
from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator

from ..device.device_translator import DeviceTranslator
from .conversion import PRECISIONS, Converted

MOST_LOST = 0.3
"""Largest loss of the default file compared with the Keras model, in points of the metric, from
0 to 100."""

Texts = Sequence[str]


@dataclass(frozen=True)
class Quality:
    """The metric that judges the outputs.

    Attributes:
        name: name of the metric.
        score: returns the metric's value in points (0 to 100) for outputs, targets and sources.
        higher_is_better: whether a higher value is better.
    """

    name: str
    score: Callable[[Texts, Texts, Texts], float]
    higher_is_better: bool

    def can_show_loss(self, value: float) -> bool:
        """Return whether a model with this value could lose more than the gate allows.

        A model cannot lose that much if its share of right outputs is below the limit, or if its
        error rate is already 100 or more.
        """
        return value > MOST_LOST if self.higher_is_better else value < 100

    def loss(self, value: float, reference: float) -> float:
        """Return by how much `value` is worse than `reference`; negative if it is better."""
        return reference - value if self.higher_is_better else value - reference


@dataclass(frozen=True)
class MeasuredPrecision:
    """The comparison of one precision with the Keras model on the same pairs.

    Attributes:
        precision: name of the precision.
        size: size of the file in bytes.
        share: size of the file divided by that of the float32 file.
        milliseconds: processor time per source in milliseconds, on one thread: the median, or the
            mean if the file searches several sources together.
        tokens: share of equal tokens, counted over the longer output's positions.
        sentences: share of equal outputs.
        value: value of the metric.
        loss: by how much `value` is worse than the Keras model's; negative if it is better.
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
        """True if this precision may be the default."""
        return self.loss <= MOST_LOST + 1e-9  # in floats, 30 - 29.7 is slightly more than 0.3


@dataclass(frozen=True)
class Gate:
    """The measurements of all precisions.

    Attributes:
        metric: name of the metric.
        lines: number of pairs decoded.
        keras: value of the metric for the Keras model with greedy search.
        variants: the measurements of each precision.
        can_show_loss: whether the Keras model is good enough for the comparison to show a loss.
    """

    metric: str
    lines: int
    keras: float
    variants: tuple[MeasuredPrecision, ...]
    can_show_loss: bool = True

    @property
    def default(self) -> str:
        """The precision of the smallest file that passes.

        Raises:
            InputError: if no precision passes.
        """
        passing = [variant for variant in self.variants if variant.passes]
        if not passing:
            raise InputError(
                f"every TFLite file loses more than {MOST_LOST} points of {self.metric} against "
                "the Keras model; please report this."
            )
        return min(passing, key=lambda variant: variant.size).precision

    def require(self, precision: str) -> None:
        """Check that a precision may be the default.

        Raises:
            InputError: if the precision loses too much.
        """
        (variant,) = (each for each in self.variants if each.precision == precision)
        if not variant.passes:
            raise InputError(
                f"{precision} cannot be the default, because it loses {variant.loss:.2f} points of "
                f"{self.metric} on {self.lines} held-out pairs; expected at most {MOST_LOST}. "
                f"Use {self.default}."
            )

    def save(self, path: Path, default: str) -> None:
        """Write the measurements as JSON, with the precision that was made the default."""
        values = {**asdict(self), "most_lost": MOST_LOST, "default": default}
        write_file(path, format_json(values))


def measure_variants(
    translator: Translator,
    converted: Converted,
    pairs: Sequence[tuple[str, str]],
    quality: Quality,
    *,
    advance: Callable[[int], object] = lambda count: None,
) -> Gate:
    """Decode held-out pairs greedily with the Keras model and with every precision.

    Args:
        translator: the Keras model's translator.
        converted: the same model, converted to TFLite.
        pairs: sources and targets; pairs whose source has more tokens than a file accepts are left
            out.
        quality: the metric that judges the outputs.
        advance: called with the number of pairs finished since its last call; each pair counts once
            for the Keras model and once for each precision.

    Raises:
        InputError: if no pair is left.
    """
    codec = translator.codec
    limit = TextLimit(default_limit(codec.settings.max_source_length))
    fitting = [pair for pair in pairs if limit.fits(pair[0], codec.source)]
    if not fitting:
        raise InputError(
            f"expected pairs whose sources have at most {limit.tokens} tokens including </s>. "
            f"Received: none among {len(pairs)} pairs."
        )
    sources = [source for source, _ in fitting]
    targets = [codec.reference_form(target) for _, target in fitting]
    # Exports have no short list, so the Keras model searches the whole vocabulary too.
    unrestricted = Translator(
        translator.model, translator.codec, output_rule=translator.output_rule
    )
    expected = unrestricted(sources, beam_width=1)
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
    can_show_loss = quality.can_show_loss(reference)
    return Gate(quality.name, len(fitting), reference, tuple(variants), can_show_loss)


def _decoded(
    converted: Converted, sources: Texts, advance: Callable[[int], object]
) -> Iterator[tuple[str, int, list[Translation], float]]:
    """Yield each precision, float32 first: its name, file size, translations and usual time."""
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
    """Return the translations, and the processor time of one translation in milliseconds.

    The time is the median, or the mean if the file translates several texts at once.
    """
    together = min(device.batch_size, len(sources))
    device(sources[:together])  # exclude the work that is done only once
    found, times, start = [], [], time.process_time()
    for each in device.translate_each(sources):
        found.append(each)
        times.append(1000 * (time.process_time() - start))
        advance(1)
        start = time.process_time()
    return found, median(times) if device.batch_size == 1 else mean(times)


def _equal(found: Sequence[Translation], expected: Sequence[Translation]) -> tuple[float, float]:
    """Return the shares of equal tokens and of equal outputs."""
    pairs = [(a.tokens, b.tokens) for a, b in zip(found, expected, strict=True)]
    same = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
    places = sum(max(len(a), len(b)) for a, b in pairs)
    return same / places, sum(a == b for a, b in pairs) / len(pairs)
