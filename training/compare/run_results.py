"""Completes one run of a comparison: trains it, measures it and saves its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from keras_attention.alignment.links import measure_alignments
from keras_attention.translation.forced_alignment import align_pairs
from keras_attention.translation.translator import Translator

from ..callbacks.stopwatch import read_times
from ..data.data_store import DataStore, digest
from ..evaluation.by_length import score_lengths, wanted_lengths
from ..metrics.text_metrics import higher_is_better
from ..run.held_out import read_held_out
from ..run.run_data import read_run_data
from ..run.run_folder import RunFolder
from ..tasks.known_alignments import KNOWN, known_alignments
from ..train import train
from .comparison import Result, Run, read_result

_ALIGNED = 1000
"""Largest number of held-out pairs on which the alignment is measured."""


def complete_run(run: Run, lengths: Sequence[int] = (), *, jobs: int = 1) -> Result:
    """Train a run if it is not trained yet, make missing measurements, and save the result.

    Args:
        run: the run.
        lengths: source lengths to test on; see `score_lengths`.
        jobs: number of runs that share the machine; stored with the times.
    """
    result = read_result(run)
    if result is None:
        translator = train(
            run.recipe,
            run.folder,
            resume=RunFolder(run.folder).recipe_file.is_file(),
            store=_store_of(run),
        )
        result = _of_training(run, translator, jobs)
        result.save(run)
    if result.alignment is None:
        result = replace(result, alignment=_align(Translator.load(run.folder), run))
        result.save(run)
    if missing := set(wanted_lengths(run.recipe, lengths)) - set(result.lengths):
        pairs = read_held_out(run.folder, run.recipe).pairs
        translator = Translator.load(run.folder)
        new = score_lengths(translator, run.recipe, lengths, pairs, only=missing)
        result = replace(result, lengths={**result.lengths, **new})
        result.save(run)
    return result


def _store_of(run: Run) -> Path:
    """Return the store of the runs that have the same training pairs and tokenizers.

    A store has the ids of one set of pairs, so with a common one the runs would replace each
    other's ids and wait for each other.
    """
    recipe = run.recipe
    values = {"seed": str(recipe.seed)}
    for section in (recipe.data, recipe.text):
        values |= {f"{type(section).__name__}.{key}": repr(each) for key, each in section.values()}
    path = DataStore.beside(run.folder.parent).path
    return path.with_name(f"{path.stem}-{digest(values)[:8]}{path.suffix}")


def _of_training(run: Run, translator: Translator, jobs: int) -> Result:
    metric, folder = run.recipe.training.metric, RunFolder(run.folder)
    curve, times = folder.values(f"val_{metric}"), read_times(run.folder)
    data = read_run_data(run.folder)
    best = max if higher_is_better(metric) else min
    return Result(
        recipe=run.recipe.to_toml(),
        metric=metric,
        value=best(curve) if curve else None,
        curve=tuple(curve),
        parameters=translator.single_model.count_params(),
        minutes=times and times.minutes,
        tokens_per_second=times and times.tokens_per_second,
        jobs=jobs,
        files=data.files if data else {},
    )


def _align(translator: Translator, run: Run) -> dict[str, float]:
    """Measure how well the attention weights align held-out pairs.

    Returns:
        `aer`, `precision` and `recall` in [0, 1] over the first thousand held-out pairs; empty if
        the task has no gold alignments, the model has no alignment, or no pairs are held out.
    """
    recipe = run.recipe
    tokenizers = {translator.codec.source.name, translator.codec.target.name}
    if not recipe.model.mechanism.alignment or {KNOWN.get(recipe.data.format)} != tokenizers:
        return {}
    pairs = read_held_out(run.folder, recipe).pairs[:_ALIGNED]
    if not pairs:
        return {}
    gold = known_alignments(recipe.data.format, pairs)
    found = [pair.links() for pair in align_pairs(translator, pairs)]
    quality = measure_alignments(found, gold)
    return {"aer": quality.error, "precision": quality.precision, "recall": quality.recall}
