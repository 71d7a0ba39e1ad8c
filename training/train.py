"""The training run: a recipe in, a run folder with a trained translator out."""

from __future__ import annotations

import logging
import os
import sys
from itertools import compress
from pathlib import Path
from typing import Any

import keras

from keras_attention.decoding.short_list import LEAST_ALLOWED
from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.files.text_files import errors_of_writing
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.padded_batches import BATCH_TOKENS
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import load_model
from keras_attention.translation.translator import Translator

from .assembly.build import build_model, make_fit_variables
from .assembly.pretrained import load_pretrained
from .assembly.short_list import learn_short_list
from .batches.batches import PairBatches
from .batches.guides import read_guides
from .batches.pointers import find_pointers
from .callbacks.averaging import with_average
from .callbacks.callbacks import (
    VALIDATION_ROWS,
    Checkpoint,
    CountSteps,
    RaiseSampling,
    SeedNoise,
    Validate,
)
from .callbacks.divergence import StopDiverged, fit
from .callbacks.progress import Plan, describe_best, make_progress
from .callbacks.samples import ShowSamples
from .callbacks.stopwatch import Stopwatch
from .callbacks.watching import KeepBest, LowerOnPlateau, StopEarly
from .data.data_paths import with_absolute_paths
from .data.pairs import Pair
from .evaluation.reachability import check_metric, report_references
from .metrics.text_metrics import higher_is_better
from .recipe.recipe import Recipe
from .run.run_files import TRAIN_LOCK
from .run.run_folder import RunFolder
from .run.start import new_start, resume_start

_WEIGHT_BYTES = 4
_TRAINED_BYTES = 4 * _WEIGHT_BYTES
"""A weight, its gradient and Adam's two moments."""

_logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    changed_data: bool = False,
) -> Translator:
    """Trains a recipe through `model.fit`.

    Equal recipes on equal versions and machines give equal weights, whether or not the run was
    killed and resumed in between.

    Args:
        recipe: what to train.
        folder: the run folder; see `RunFolder` for what it holds.
        resume: continue the run in `folder` after its last validation.
        overwrite: remove what stands in `folder` first.
        changed_data: resume although the data has changed since the run was started. Tokenizers
            and held-out pairs stay; held-out pairs are removed from the new training pairs.

    Returns:
        The best translator, by the recipe's metric.

    Raises:
        InputError: if the data, the recipe or the folder cannot be used, the data has changed
            since the run was started, or another process trains in the folder.
        DivergedError: if training diverges; see `StopDiverged`.
    """
    recipe, run = with_absolute_paths(recipe), RunFolder(folder)
    if changed_data and not resume:
        raise InputError("--changed-data requires --resume.")

    def check_folder() -> None:
        if resume:
            run.check_same(recipe, overwrite=overwrite)
        else:
            run.check_free(overwrite=overwrite)

    if (run.path / TRAIN_LOCK).exists():
        with hold_folder(run.path, TRAIN_LOCK):  # says so if another process trains here
            pass
    check_folder()
    with hold_folder(run.path, TRAIN_LOCK):
        check_folder()  # once more: another process may have been at work until now
        return _train(recipe, run, resume=resume, overwrite=overwrite, changed_data=changed_data)


def _train(
    recipe: Recipe, run: RunFolder, *, resume: bool, overwrite: bool, changed_data: bool
) -> Translator:
    epochs_done, checkpoint = run.last_checkpoint() if resume else (0, None)
    if resume:
        started = resume_start(recipe, run, is_new=not checkpoint, changed_data=changed_data)
    else:
        started = new_start(recipe)
    training, held_out, codec = started.training, started.data.held_out, started.codec
    _check_held_out(recipe, held_out)
    _check_short_list(recipe, codec)
    check_metric(recipe, codec, held_out)
    batches = make_batches(
        recipe,
        codec,
        training,
        batch_size=recipe.training.batch_size,
        batch_tokens=recipe.training.batch_tokens,
        subword_dropout=(recipe.text.source_subword_dropout, recipe.text.target_subword_dropout),
        pointers=find_pointers(recipe, codec, training),
        guides=read_guides(recipe, codec, training),
    )
    validation = _validation_batches(recipe, codec, held_out) if held_out else None
    stretch, stretches = _stretches(recipe, batches.steps_per_epoch)
    if epochs_done > stretches:
        raise InputError(
            f"{run.path}: the run has been validated {epochs_done} times already; set "
            f"`training.epochs` for as many validations or more. Received: "
            f"training.epochs={recipe.training.epochs}, {stretches} validations."
        )
    _check_updates(recipe, stretch * stretches)
    _warn_of_memory(recipe, codec)
    model = _make_model(recipe, codec, checkpoint, stretch * stretches)
    # No limit of its own: it decodes the held-out pairs that are within the recipe's limits.
    translator = Translator(model, codec, max_tokens=UNLIMITED)
    # Only now, when all that can be wrong has been looked for, does the folder change.
    with errors_of_writing(run.path):
        run.start(recipe, epochs_done, overwrite=overwrite, files=started.to_files())
    if (known := len(run.metrics())) < epochs_done:
        _logger.warning(
            "%s: holds %d of the run's %d validations, perhaps since a file was removed or the "
            "power failed; the best model is chosen among these and those that follow.",
            run.metrics_file,
            known,
            epochs_done,
        )
    _logger.info(
        "%s: %s parameters (%.1f MB), %d training pairs, %d held out, %d steps an epoch",
        recipe.name,
        f"{model.count_params():,}",
        model.count_params() * _WEIGHT_BYTES / 1e6,
        len(training),
        len(held_out),
        batches.steps_per_epoch,
    )
    report_references(recipe, codec, training, held_out)
    plan = Plan(recipe.training.epochs, batches.steps_per_epoch, stretch, stretches)
    decoded = list(compress(held_out, validation.kept)) if validation else []
    callbacks = _callbacks(recipe, run, translator, decoded, plan)
    callbacks.append(Stopwatch(run.path, batches.target_tokens / batches.steps_per_epoch, stretch))
    if any(isinstance(callback, StopEarly) and callback.is_over for callback in callbacks):
        return _finished(recipe, run, batches, plan)
    with errors_of_writing(run.path):
        fit(
            model,
            callbacks,
            x=batches.stream(first_step=epochs_done * stretch),
            steps_per_epoch=stretch,
            epochs=stretches,
            initial_epoch=epochs_done,
            validation_data=validation.once() if validation else None,
            shuffle=False,
            verbose=int(sys.stdout.isatty()),
        )
    return _finished(recipe, run, batches, plan)


def _validation_batches(recipe: Recipe, codec: TextCodec, held_out: list[Pair]) -> PairBatches:
    """The held-out pairs, with the pointers of training; a guide would be taken for those."""
    guided = recipe.training.guided_alignment
    pointers = None if guided else find_pointers(recipe, codec, held_out)
    longest = max(recipe.data.max_source_length, recipe.data.max_target_length)
    return make_batches(
        recipe,
        codec,
        held_out,
        batch_size=min(VALIDATION_ROWS, max(1, BATCH_TOKENS // longest)),
        pointers=pointers,
        noun="held-out pairs",
    )


def _finished(recipe: Recipe, run: RunFolder, batches: PairBatches, plan: Plan) -> Translator:
    """The best translator, with the short list that the recipe wants."""
    _logger.info("%s", describe_best(recipe, run, plan))
    translator, size = Translator.load(run.path), recipe.training.short_list
    if size:
        translator.short_list = learn_short_list(translator, batches.once(), size)
        translator.save_short_list(run.path)
    return translator


def _make_model(
    recipe: Recipe, codec: TextCodec, checkpoint: Path | None, total_steps: int
) -> Seq2Seq:
    """The checkpoint's model, or a new one that begins with the pretrained embeddings."""
    if checkpoint is not None:
        model = load_model(checkpoint, include_optimizer=True)
    else:
        model = build_model(recipe, codec, total_steps)
        load_pretrained(recipe.model, model, codec)
    make_fit_variables(model, len(codec.target.vocabulary))
    return model


def _warn_of_memory(recipe: Recipe, codec: TextCodec) -> None:
    """Warns of a model that is larger than the machine's memory, before it is built."""
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = len(codec.source.vocabulary), len(codec.target.vocabulary)
    least = recipe.model.least_parameters(*sizes)
    if least * _TRAINED_BYTES > there:
        _logger.warning(
            "%s: over %.1f billion parameters, which take over %.0f GB in training; this machine "
            "has %.0f GB of memory.",
            recipe.name,
            least / 1e9,
            least * _TRAINED_BYTES / 1e9,
            there / 1e9,
        )


def _check_held_out(recipe: Recipe, held_out: list[Pair]) -> None:
    """What watches the held-out metric needs one."""
    config = recipe.training
    watching = {"schedule": config.schedule == "plateau", "patience": config.patience > 0}
    for name, watches in watching.items():
        if watches and not held_out:
            raise InputError(
                f"`training.{name}`={getattr(config, name)!r} needs held-out pairs to watch. "
                "Received: data.held_out=0 and no data.validation_path."
            )


def _check_short_list(recipe: Recipe, codec: TextCodec) -> None:
    size, least = len(codec.target.vocabulary), 2 * LEAST_ALLOWED
    if recipe.training.short_list and size < least:
        raise InputError(
            f"`training.short_list` needs {least} target tokens or more to have an effect. "
            f"Received: a vocabulary of {size}."
        )


def make_batches(
    recipe: Recipe, codec: TextCodec, pairs: list[Pair], *, batch_size: int, **options: Any
) -> PairBatches:
    """The recipe's batches of `pairs`; options are those of `PairBatches`."""
    return PairBatches(
        pairs,
        codec.source,
        codec.target,
        batch_size=batch_size,
        max_source_length=recipe.data.max_source_length,
        max_target_length=recipe.data.max_target_length,
        bucket_width=recipe.training.bucket_width,
        seed=recipe.seed,
        **options,
    )


def _stretches(recipe: Recipe, steps_per_epoch: int) -> tuple[int, int]:
    """Steps before each validation, and how many validations there are.

    Raises:
        InputError: if there are fewer steps than are asked for before the first one.
    """
    steps = recipe.training.epochs * steps_per_epoch
    stretch = recipe.training.validate_every or steps_per_epoch
    if stretch > steps:
        raise InputError(
            f"`training.validate_every` must be at most the number of all steps, {steps}; 0 "
            f"validates once an epoch. Received: training.validate_every={stretch}."
        )
    return stretch, -(-steps // stretch)


def _check_updates(recipe: Recipe, steps: int) -> None:
    """Checks that the run updates its weights, and that the warm-up ends.

    Args:
        recipe: what is to be trained.
        steps: batches of the whole run.
    """
    config = recipe.training
    updates = steps // config.accumulate
    if not updates:
        raise InputError(
            f"`training.accumulate` must be at most the number of all steps, {steps}, for one "
            f"update. Received: training.accumulate={config.accumulate}."
        )
    if config.warmup >= updates:
        raise InputError(
            f"`training.warmup` must be below the number of all updates, {updates}, to come to an "
            f"end. Received: training.warmup={config.warmup}."
        )


def _callbacks(
    recipe: Recipe, run: RunFolder, translator: Translator, held_out: list[Pair], plan: Plan
) -> list[keras.callbacks.Callback]:
    """In the order in which they work: each sees the metrics of those before it."""
    config, stretch = recipe.training, plan.stretch
    size = len(translator.codec.target.vocabulary)
    monitor, more = f"val_{config.metric}", higher_is_better(config.metric)
    judged: list[keras.callbacks.Callback] = [
        KeepBest(run, monitor, translator, higher_is_better=more)
    ]
    if held_out:
        judged.insert(0, Validate(translator, held_out, config.metric))
        judged.append(ShowSamples(translator, held_out, run.logs / "samples", stretch))
    early, plateaus = config.patience > 0, config.schedule == "plateau"
    return [
        StopDiverged(run, config, size, plan),
        SeedNoise(recipe.seed),
        CountSteps(stretch),
        *with_average(judged, config, run),
        *([LowerOnPlateau(run, monitor, config, higher_is_better=more)] if plateaus else []),
        *([RaiseSampling(config, stretch)] if config.scheduled_sampling else []),
        *([StopEarly(run, monitor, config.patience, higher_is_better=more)] if early else []),
        keras.callbacks.CSVLogger(str(run.metrics_file), append=True),
        keras.callbacks.TensorBoard(str(run.logs), write_graph=False),
        Checkpoint(run, keep=config.average_last, codec=translator.codec),
        make_progress(plan),
    ]
