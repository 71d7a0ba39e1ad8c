"""The training run, which turns a recipe into a run folder with a trained translator.

The path of a training pair, with the function that does each step:

    line of a TSV file  read by `pair_files.read_table`
    -> pair             separated from the held-out pairs by `pairs.split_pairs`
    -> ids              `Tokenizer.encode`, called by `encoded_pairs.encode_pairs`
    -> batch            `PairBatches.stream`; `recipe_batches.training_batches` makes the batches
    -> model            `Seq2Seq.call`, built by `build.build_model`
    -> loss             `MaskedLoss`, of the class that `fenchel_young.output_loss` chooses
    -> gradient         `FusedAdam`, built by `optimizer.build_optimizer`; `model.fit` runs steps
    -> validation       `Validate` decodes the held-out pairs; `KeepBest` saves the best model
    -> checkpoint       `Checkpoint`, from which `prepare` resumes a run

`prepare` does the steps up to the model, and `fit` does the rest.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import check_unlocked, hold_folder
from keras_attention.translation.translator import Translator

from .assembly.teachers import check_output
from .data.data_paths import teacher_paths, with_absolute_paths
from .data.data_store import DataStore
from .fit import fit
from .forgetting import report_forgetting
from .prepare import prepare
from .processes.processes import agree, report_lost_process
from .recipe.recipe import Recipe
from .run.own_run import own_run
from .run.run_files import TRAIN_LOCK
from .run.run_folder import RunFolder
from .run.start_model import StartModel


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    changed_data: bool = False,
    start_from: str | Path | None = None,
    store: str | Path | None = None,
) -> Translator:
    """Train a recipe's model with `model.fit`, and return the best translator.

    Equal recipes train equal weights if the library versions and the machine are the same, even if
    the run was killed and resumed in between.

    After `start_processes`, call this function in every process with the same arguments. Each batch
    is then divided among the processes, and only the first writes into the run folder.

    Args:
        recipe: the recipe to train.
        folder: the run folder; see `RunFolder` for its files.
        resume: whether to continue the run in `folder` after its last validation.
        overwrite: whether to delete an existing run in `folder` first.
        changed_data: whether to resume even if the data has changed since the start of the run.
            The tokenizers and the held-out pairs stay the same; held-out pairs are removed from
            the new training pairs.
        start_from: the run folder of a trained model to fine-tune, or a checkpoint in it. Load the
            recipe with `load_recipe(..., start=...)`, so that its sections [model] and [text] are
            those of the model. The tokenizers of the model are kept and extended by new tokens.
        store: the folder that keeps the texts and ids of large training data for the next start;
            see `data.in_memory`. Default: `NAME.store` next to the run folder `NAME`.

    Returns:
        The best translator by the recipe's metric.

    Raises:
        InputError: if the data, the recipe or the folder cannot be used, the data has changed
            since the start of the run, or another process is training in the folder.
        DivergedError: if training diverges; see `StopDiverged`.
    """
    recipe, run = with_absolute_paths(recipe), RunFolder(folder)
    data_store = DataStore(Path(store)) if store is not None else DataStore.beside(folder)
    if changed_data and not resume:
        raise InputError("--changed-data requires --resume.")
    start_model = _find_start(start_from, run, resume=resume)
    check_output(teacher_paths(recipe.training), run.path)

    def check_folder() -> None:
        if resume:
            run.check_same(recipe, overwrite=overwrite)
        else:
            run.check_free(recipe, overwrite=overwrite)

    with ExitStack() as stack:
        stack.enter_context(report_lost_process())
        with agree():
            run = stack.enter_context(own_run(run, resume=resume))
            check_unlocked(run.path, TRAIN_LOCK)
            check_folder()
            stack.enter_context(hold_folder(run.path, TRAIN_LOCK))
            check_folder()  # again: another process may have changed the folder in the meantime
        prepared = prepare(
            recipe,
            run if resume else None,
            changed_data=changed_data,
            start_model=start_model,
            store=data_store,
        )
        translator = fit(prepared, run, overwrite=overwrite)
        if prepared.start.origin.model is not None:
            report_forgetting(prepared.start.origin.model, translator, recipe.training.metric)
        return translator


def _find_start(path: str | Path | None, run: RunFolder, *, resume: bool) -> StartModel | None:
    """Return the model to fine-tune, if any, and check that the run can start from it."""
    if path is None:
        return None
    if resume:
        raise InputError(
            "--from starts a new run and --resume continues one; the folder of a run already names "
            "the model that it started from. Leave out one of the two options."
        )
    start = StartModel.find(path)
    if start.folder.resolve() == run.path.resolve():
        raise InputError(
            f"{run.path}: the model given with --from is in this folder; choose another folder for "
            "the new run with --output."
        )
    return start
