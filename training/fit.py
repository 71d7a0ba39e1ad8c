"""Trains a prepared run with `model.fit`, and writes its files into a run folder."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any

import keras

from keras_attention.errors import InputError
from keras_attention.files.path_errors import errors_of_writing
from keras_attention.translation.translator import Translator
from keras_attention.visualization.notebook.visible_text import shorten

from .assembly.memory import WEIGHT_BYTES
from .assembly.short_list import learn_short_list
from .callbacks.metric_watchers import StopEarly
from .callbacks.progress import describe_best
from .callbacks.run_callbacks import make_callbacks
from .evaluation.reachability import report_references
from .prepare import Prepared
from .processes.devices import own_rows
from .recipe.training_config import TrainingConfig
from .run.run_folder import RunFolder

_logger = logging.getLogger(__name__)


def fit(prepared: Prepared, run: RunFolder, *, overwrite: bool = False) -> Translator:
    """Train a prepared model with `model.fit`, and return the best translator.

    Args:
        prepared: the model, the batches and the plan of the run.
        run: the run folder; see `RunFolder` for the files that it holds afterwards.
        overwrite: whether to delete an existing run in the folder first.

    Returns:
        The best translator by the recipe's metric.

    Raises:
        InputError: if a file cannot be written, or a file of a resumed run is damaged.
        DivergedError: if training diverges; see `StopDiverged`.
    """
    recipe, plan, batches = prepared.recipe, prepared.plan, prepared.batches
    done, validation = prepared.validations_done, prepared.validation
    with errors_of_writing(run.path):
        run.start(recipe, done, overwrite=overwrite, files=prepared.start.to_files())
    _report_start(prepared, run)
    callbacks = make_callbacks(
        recipe.training,
        recipe.training_seed,
        run,
        prepared.translator,
        prepared.decoded,
        plan,
        tokens_per_step=batches.target_tokens / batches.steps_per_epoch,
    )
    if not any(isinstance(callback, StopEarly) and callback.is_over for callback in callbacks):
        with errors_of_writing(run.path):
            _fit_model(
                prepared.translator.single_model,
                callbacks,
                x=own_rows(batches.stream(first_step=done * plan.interval)),
                steps_per_epoch=plan.interval,
                epochs=plan.intervals,
                initial_epoch=done,
                validation_data=own_rows(validation.once()) if validation else None,
                shuffle=False,
                verbose=int(sys.stdout.isatty()),
            )
    _logger.info("%s", describe_best(recipe.training, run, plan))
    return _load_best(prepared, run)


def _fit_model(
    model: keras.Model, callbacks: list[keras.callbacks.Callback], **options: Any
) -> None:
    """Call `model.fit`. If it raises an `InputError`, let the callbacks close their files."""
    try:
        model.fit(callbacks=callbacks, **options)
    except InputError:
        for callback in callbacks:
            with suppress(Exception):  # on a full disk, closing a file fails too
                callback.on_train_end()
        raise


def _load_best(prepared: Prepared, run: RunFolder) -> Translator:
    """Return the best translator, with a short list if the recipe sets one."""
    translator, size = Translator.load(run.path), prepared.recipe.training.short_list
    if size:
        translator.short_list = learn_short_list(translator, prepared.batches.once(), size)
        translator.save_short_list(run.path)
    return translator


def _report_start(prepared: Prepared, run: RunFolder) -> None:
    """Log the sizes of the run, and warnings about its history and its held-out pairs."""
    recipe, start, done = prepared.recipe, prepared.start, prepared.validations_done
    if (known := len(run.metrics())) < done:
        _logger.warning(
            "%s: has %d of the run's %d validations, perhaps because the file was deleted or the "
            "power failed; the best model is chosen among these and the following validations.",
            run.metrics_file,
            known,
            done,
        )
    parameters = prepared.translator.single_model.count_params()
    _logger.info(
        "%s: %s parameters (%.1f MB), %d training pairs, %d held-out pairs, %d steps per epoch",
        recipe.name,
        f"{parameters:,}",
        parameters * WEIGHT_BYTES / 1e6,
        len(start.training),
        len(start.data.held_out),
        prepared.batches.steps_per_epoch,
    )
    first = " → ".join(shorten(text, 60) for text in start.training[0])
    _logger.info("%s: the first training pair is %s", recipe.name, first)
    if replayed := start.origin.replayed:
        _logger.info(
            "%s: %d of the training pairs come from the training data of the model given with "
            "--from",
            *(recipe.name, len(replayed)),
        )
    if recipe.training.precision != TrainingConfig.precision:
        precision = start.origin.precision
        _logger.info("%s: computes in %s, %s", recipe.name, precision.name, precision.reason)
    report_references(recipe, start.codec, start.training, start.data.held_out)
