"""The teachers' outputs for the sources, written in parts so that work is not lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.special_tokens import END, UNKNOWN
from keras_attention.text.normalization import is_blank
from keras_attention.text.padded_batches import SORTED_BATCHES
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.result import Hypothesis, Translation
from keras_attention.translation.translator import Translator

from ..data.pairs import Pair
from ..metrics.metric_kinds import edit_distance
from .pair_table import format_pairs, write_table
from .record import DistillOptions

_BATCH_SIZE = 64
PART = _BATCH_SIZE * SORTED_BATCHES
"""Number of sources in a part: as many as a translator sorts by length."""


class TeacherOutputs:
    """The sources with the teachers' outputs, one file for each part of the sources.

    Args:
        pairs: the sources and their targets. The target of a source without one is empty.
        folder: the folder of the parts.
    """

    def __init__(self, pairs: Sequence[Pair], folder: Path) -> None:
        self.pairs = pairs
        self.folder = folder

    def missing(self) -> list[range]:
        """Return, for each part that is not written yet, the positions of its pairs."""
        return [places for places in self._parts() if not self._path(places).is_file()]

    def write(
        self,
        translator: Translator,
        options: DistillOptions,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Translate the sources of the missing parts, and write each part when it is complete."""
        for places in self.missing():
            found = distilled_pairs(translator, [self.pairs[n] for n in places], options)
            write_table(self._path(places), [format_pairs(found)])
            advance(len(places))

    def read(self) -> Iterator[str]:
        """Yield the text of each part, in the order of the pairs."""
        for places in self._parts():
            yield self._path(places).read_bytes().decode()  # read_text changes line ends

    def remove(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _parts(self) -> list[range]:
        ends = range(PART, len(self.pairs) + PART, PART)
        return [range(end - PART, min(end, len(self.pairs))) for end in ends]

    def _path(self, places: range) -> Path:
        return self.folder / f"{places.start:09d}-{places.stop:09d}.tsv"


def distilled_pairs(
    translator: Translator, pairs: Sequence[Pair], options: DistillOptions
) -> list[Pair]:
    """Return the sources of pairs with the teachers' outputs.

    An output is used if it ends within the teachers' maximum output length, is not empty and has no
    `<unk>`, which a student would learn as text. Sources without such an output are left out, and
    so are sources that are too long for the teachers.
    """
    limit = TextLimit(translator.max_tokens)
    sources = list(
        dict.fromkeys(source for source, _ in pairs if limit.fits(source, translator.codec.source))
    )
    translations = translator(sources, beam_width=options.beam_width, batch_size=_BATCH_SIZE)
    found = dict(zip(sources, translations, strict=True))
    chosen = [
        (source, _choose(translator, found[source], target, options))
        for source, target in pairs
        if source in found
    ]
    return [(source, hypothesis.text) for source, hypothesis in chosen if hypothesis]


def _choose(
    translator: Translator, found: Translation, target: str, options: DistillOptions
) -> Hypothesis | None:
    """Return the best usable hypothesis or, with `nearest`, the one nearest to a target.

    If several hypotheses are equally near, return the one with the highest score.
    """
    usable = list(filter(_is_usable, found.hypotheses))
    if not (options.nearest and target):
        return next(iter(usable), None)
    wanted = _without_end(translator.codec.target.tokens(target))
    return min(
        usable, key=lambda each: edit_distance(_without_end(each.tokens), wanted), default=None
    )


def _is_usable(hypothesis: Hypothesis) -> bool:
    tokens = hypothesis.tokens
    return tokens[-1:] == (END,) and UNKNOWN not in tokens and not is_blank(hypothesis.text)


def _without_end(tokens: Sequence[str]) -> Sequence[str]:
    return tokens[:-1] if tokens and tokens[-1] == END else tokens


def check_any(count: int, sources: int) -> None:
    """Check that there is a pair to train on."""
    if not count:
        raise InputError(
            f"expected an output of the teachers for at least one of {sources} sources. "
            "Received: only outputs that are empty, cut off or with <unk>, or sources that are too "
            "long."
        )
