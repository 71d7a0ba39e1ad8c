"""Distillation: teachers translate a recipe's training sources, and a student trains on the result.

The student is trained by `train`, with two changes to its recipe: `[data]` reads the teachers'
outputs, and `training.teachers` may add their probabilities to the loss.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.folder_lock import hold_folder
from keras_attention.text.tokenizers import Tokenizer
from keras_attention.translation.model_files import find_parts
from keras_attention.translation.translator import Translator

from ..assembly.teachers import check_features, check_output, check_teachers, open_teachers
from ..data.data_paths import with_absolute_paths
from ..data.pairs import Pair, split_pairs
from ..data.stored_pairs import join_pairs, take_rows
from ..prepare import prepare
from ..recipe.recipe import Recipe
from ..run.held_out import read_held_out
from ..run.run_files import (
    DISTILLATION_FILE,
    DISTILLED_FILE,
    DISTILLED_HELD_OUT_FILE,
    DISTILLED_PARTS,
    RECIPE_FILE,
    TRAIN_LOCK,
)
from ..run.run_folder import RunFolder
from ..train import train
from .more_sources import new_sources, read_sources
from .pair_table import format_pairs, table_data, write_table
from .record import Distillation, DistillOptions
from .teacher_outputs import TeacherOutputs, check_any

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Opens a progress bar for a number of sources; yields a function to count finished ones."""

_logger = logging.getLogger(__name__)


def distill(
    teachers: Sequence[str | Path],
    recipe: Recipe,
    folder: str | Path,
    *,
    beam_width: int | None = None,
    nearest: bool = False,
    with_pairs: bool = False,
    sources: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda total: nullcontext(lambda count: None),
) -> Translator:
    """Train a student on the outputs of its teachers (Kim and Rush 2016, section 3.2).

    The held-out pairs are those of the recipe. A source that is held out, by the recipe or by a
    teacher's run, is not trained on.

    Args:
        teachers: the folders of trained models, or checkpoints; several form an ensemble.
        recipe: the recipe of the student.
        folder: the run folder of the student. It also holds the teachers' outputs,
            `distilled.tsv`, and the record of their origin, `distillation.json`.
        beam_width: beam width of the teachers' search; by default, the first teacher's.
        nearest: whether to train on the hypothesis nearest to the target instead of the best one
            (sequence-level interpolation, section 3.3). The distance is the number of edits of
            the teachers' tokens. A source without a target has its best hypothesis.
        with_pairs: whether to train on the original pairs too.
        sources: a file with sources without targets, one on each line, which the teachers translate
            too; or a pattern that matches several files. Sources that are also training sources or
            held out are skipped.
        resume: whether to continue an interrupted distillation in `folder`, or its training.
        overwrite: whether to delete an existing run in `folder` first.
        progress: shows the progress of the teachers' search.

    Returns:
        The best translator by the recipe's metric.

    Raises:
        InputError: if a teacher, the data, the recipe or the folder cannot be used, or if the
            teachers or the data have changed since the start of the distillation.
        DivergedError: if training diverges.

    Reference:
        https://arxiv.org/abs/1606.07947
    """
    run = RunFolder(folder)
    _check_recipe(recipe)
    codec = check_teachers(teachers)
    check_features(recipe, codec, teachers[0])
    check_output(teachers, run.path)
    options = DistillOptions(beam_width or codec.settings.beam_width, nearest, with_pairs)
    more = read_sources(sources, codec.source.features) if sources is not None else []
    pairs = _DistilledPairs.of(teachers, recipe, more, codec.source)
    if not resume:
        pairs.check_recipe(options)
    now = Distillation.of(options, teachers, pairs.training, pairs.held_out, pairs.more)
    _check_folder(run, now, resume=resume, overwrite=overwrite)
    with hold_folder(run.path, TRAIN_LOCK):
        # Check again, because another process may have changed the folder in the meantime.
        _check_folder(run, now, resume=resume, overwrite=overwrite)
        if not resume:
            run.start_distillation()
            now.save(run.path)
        pairs.write(run.path, options, teachers, progress)
    has_run = run.recipe_file.is_file()
    return train(pairs.student_recipe(run.path), run.path, resume=has_run)


@dataclass(frozen=True)
class _DistilledPairs:
    """The pairs of a distillation, and its sources without targets.

    Attributes:
        recipe: the recipe of the student.
        training: the training pairs whose sources are not held out.
        held_out: the held-out pairs of the recipe.
        more: sources without targets that are neither training sources nor held out.
    """

    recipe: Recipe
    training: Sequence[Pair]
    held_out: list[Pair]
    more: list[str]

    @classmethod
    def of(
        cls,
        teachers: Sequence[str | Path],
        recipe: Recipe,
        more: Sequence[str],
        tokenizer: Tokenizer,
    ) -> _DistilledPairs:
        """Split the recipe's pairs, and drop the sources that the recipe or a teacher holds out."""
        training, held_out = split_pairs(recipe.data, recipe.seed)
        kept = {source for source, _ in held_out}
        for path in teachers:
            teacher = find_parts(Path(path))[0]
            if (teacher / RECIPE_FILE).is_file():
                kept |= {source for source, _ in read_held_out(teacher).pairs}
            else:
                _logger.warning(
                    "%s: has no %s, so its held-out pairs are not known.", teacher, RECIPE_FILE
                )
        places = [place for place, (source, _) in enumerate(training) if source not in kept]
        left = take_rows(training, places)
        if not left:
            raise InputError(
                "expected training pairs with sources that are not held out, by the recipe or by a "
                "teacher. Received: only held-out sources."
            )
        if dropped := len(training) - len(left):
            _logger.info(
                "%d of %d training pairs have a held-out source and are not used",
                dropped,
                len(training),
            )
        return cls(recipe, left, held_out, new_sources(more, left, kept, tokenizer))

    def check_recipe(self, options: DistillOptions) -> None:
        """Find the recipe's errors before the teachers translate.

        The student has more pairs than the recipe, so check a plan with about as many steps.
        """
        pairs = len(self.training) * (1 + options.with_pairs) + len(self.more)
        times = math.ceil(pairs / len(self.training))
        training = self.recipe.training
        training = replace(training, epochs=training.epochs * times)
        prepare(with_absolute_paths(replace(self.recipe, training=training)))

    def write(
        self,
        folder: Path,
        options: DistillOptions,
        teachers: Sequence[str | Path],
        progress: Progress,
    ) -> None:
        """Write the tables of the student's pairs, unless they exist."""
        path = folder / DISTILLED_FILE
        if path.is_file():
            return
        outputs = TeacherOutputs(self._to_translate(), folder / DISTILLED_PARTS)
        total = len(outputs.pairs)
        missing = sum(map(len, outputs.missing()))
        if missing:
            _logger.info("the teachers translate %d of %d sources", missing, total)
            with progress(missing) as advance:
                outputs.write(open_teachers(teachers), options, advance)
        count = sum(text.count("\n") for text in outputs.read())
        check_any(count, total)
        if left_out := total - count:
            _logger.warning(
                "%d sources are left out: they are too long for the teachers, or all "
                "their outputs are empty, cut off or with <unk>",
                left_out,
            )
        if self.held_out:
            write_table(folder / DISTILLED_HELD_OUT_FILE, [format_pairs(self.held_out)])
        originals = [format_pairs(self.training)] if options.with_pairs else []
        write_table(path, [*outputs.read(), *originals])
        outputs.remove()

    def _to_translate(self) -> Sequence[Pair]:
        """Return the training pairs, and the sources without targets with an empty target."""
        return join_pairs(self.training, [(source, "") for source in self.more])

    def student_recipe(self, folder: Path) -> Recipe:
        """Return the recipe that trains on the tables."""
        held_out = folder / DISTILLED_HELD_OUT_FILE if self.held_out else None
        return replace(
            self.recipe, data=table_data(self.recipe.data, folder / DISTILLED_FILE, held_out)
        )


def _check_recipe(recipe: Recipe) -> None:
    if recipe.training.guided_alignment:
        raise InputError(
            "`training.guided_alignment` must be 0 in distillation, because the alignments do not "
            "belong to the teachers' outputs. "
            f"Received: training.guided_alignment={recipe.training.guided_alignment}."
        )


def _check_folder(run: RunFolder, now: Distillation, *, resume: bool, overwrite: bool) -> None:
    """Check that a distillation can start or continue in a folder."""
    if not resume:
        run.check_free(overwrite=overwrite)
        return
    if overwrite:
        raise InputError("--resume keeps a run and --overwrite removes it; choose one of them.")
    if not (run.path / DISTILLATION_FILE).is_file():
        raise InputError(f"{run.path}: has no distillation to resume; start one without --resume.")
    Distillation.read(run.path).check_same(now, run.path)
