"""The quality of an ensemble and of its members on the held-out pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import JsonFile, dictionary_of, format_json, nullable, real, text
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.translator import Translator

from ..batches.recipe_batches import validation_batches
from ..callbacks.validate import Validate
from ..compare.comparison_table import Spread
from ..metrics.text_metrics import higher_is_better
from ..recipe.recipe import Recipe
from ..run.held_out import read_held_out
from ..run.run_files import SEEDS_FILE
from .members import Member

_REPORT = JsonFile(
    "the values that `train --seeds` writes",
    {"metric": text(), "seeds": dictionary_of(real()), "ensemble": nullable(real())},
    finite=False,
)


@dataclass(frozen=True)
class SeedsReport:
    """The metric of each member and of the ensemble, on the same held-out pairs.

    Attributes:
        metric: the name of the recipe's metric.
        seeds: the best value of each member, by its seed; empty if no pairs are held out.
        ensemble: the value of the ensemble; None if no pairs are held out.

    Example:
        >>> report = SeedsReport("bleu", {"1": 30.0, "2": 32.0}, 33.0)
        >>> report.spread.mean, round(report.spread.deviation, 2)
        (31.0, 1.41)
    """

    metric: str
    seeds: dict[str, float]
    ensemble: float | None

    @property
    def spread(self) -> Spread:
        """The values of the members, with their mean and sample standard deviation."""
        return Spread(tuple(self.seeds.values()))

    def save(self, folder: Path) -> None:
        """Write the report into the ensemble's folder, completely or not at all."""
        values = {"metric": self.metric, "seeds": self.seeds, "ensemble": self.ensemble}
        if self.seeds:
            values |= {"mean": self.spread.mean, "deviation": self.spread.deviation}
        write_file(folder / SEEDS_FILE, format_json(values))


def read_report(folder: Path) -> SeedsReport | None:
    """Return the report of an ensemble; None if its members have not all been trained."""
    path = folder / SEEDS_FILE
    if not path.exists():
        return None
    values = _REPORT.parse(read_artefact(path), str(path))
    return SeedsReport(values["metric"], values["seeds"], values["ensemble"])


def measure_seeds(
    recipe: Recipe, members: Sequence[Member], translator: Translator, folder: Path
) -> SeedsReport:
    """Measure an ensemble in the same way as validation measures its members."""
    metric, held_out = recipe.training.metric, read_held_out(folder).pairs
    if not held_out:
        return SeedsReport(metric, {}, None)
    best = max if higher_is_better(metric) else min
    curves = {str(each.seed): each.run.values(f"val_{metric}") for each in members}
    values = {seed: best(curve) for seed, curve in curves.items() if curve}
    decoded = list(compress(held_out, validation_batches(recipe, translator.codec, held_out).kept))
    unlimited = Translator(translator.model, translator.codec, max_tokens=UNLIMITED)
    logs: dict[str, float] = {}
    Validate(unlimited, decoded, metric).on_epoch_end(0, logs)
    return SeedsReport(metric, values, logs[f"val_{metric}"])
