"""The preparation of a run. It finds all errors in the input before the run folder is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from keras_attention.decoding.short_list import LEAST_ALLOWED
from keras_attention.errors import InputError
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import load_model
from keras_attention.translation.outputs.stored_rule import load_rule
from keras_attention.translation.translator import Translator

from .assembly.build import build_model, make_fit_variables
from .assembly.memory import warn_of_memory
from .assembly.pretrained import load_pretrained
from .assembly.start_weights import start_from
from .assembly.teachers import load_teachers
from .assembly.token_origins import codec_origins
from .batches.pair_batches import PairBatches
from .batches.recipe_batches import training_batches, validation_batches
from .data.data_store import DataStore
from .data.pairs import Pair
from .evaluation.reachability import check_metric
from .recipe.recipe import Recipe
from .recipe.training_config import TrainingConfig
from .run.run_folder import RunFolder
from .run.run_start import RunStart, new_start, resume_start
from .run.start_model import StartModel
from .run.training_plan import TrainingPlan


@dataclass(frozen=True)
class Prepared:
    """Everything that a run needs: data, tokenizers, batches and the compiled model.

    Attributes:
        recipe: the recipe to train.
        start: the training pairs, the held-out pairs and the tokenizers.
        batches: the batches of the training pairs.
        validation: the batches of the held-out pairs, or None if no pairs are held out.
        plan: the length of the run.
        translator: the model to train, with its tokenizers.
        validations_done: number of validations in earlier sessions of a resumed run.
    """

    recipe: Recipe
    start: RunStart
    batches: PairBatches
    validation: PairBatches | None
    plan: TrainingPlan
    translator: Translator
    validations_done: int = 0

    @property
    def decoded(self) -> list[Pair]:
        """The held-out pairs that validations decode: those within the recipe's length limits."""
        if self.validation is None:
            return []
        return list(compress(self.start.data.held_out, self.validation.kept))


def prepare(
    recipe: Recipe,
    resumed: RunFolder | None = None,
    *,
    changed_data: bool = False,
    start_model: StartModel | None = None,
    store: DataStore | None = None,
) -> Prepared:
    """Read the data, learn the tokenizers, make the batches and build the model.

    Args:
        recipe: the recipe to train, with absolute paths.
        resumed: the folder of the run to continue, if any. The tokenizers, the held-out pairs and
            the last checkpoint are read from it.
        changed_data: whether the data may have changed since the start of the run.
        start_model: the trained model that a new run is fine-tuned from, if any.
        store: where large training data is kept for the next start. Default: temporary files.

    Raises:
        InputError: if the data, the recipe or the folder cannot be used.
    """
    done, checkpoint = resumed.last_checkpoint() if resumed else (0, None)
    if resumed:
        start = resume_start(
            recipe, resumed, is_new=not checkpoint, changed_data=changed_data, store=store
        )
    else:
        start = new_start(recipe, start_model, store)
    config, codec, held_out = recipe.training, start.codec, start.data.held_out
    _check_held_out(config, held_out)
    _check_short_list(config, codec)
    check_metric(config, codec, held_out)
    batches = training_batches(recipe, codec, start.training)
    validation = validation_batches(recipe, codec, held_out) if held_out else None
    plan = TrainingPlan.of(config, batches.steps_per_epoch)
    if resumed:
        _check_validations(config, plan, resumed, done)
    plan.check_updates(config)
    warn_of_memory(recipe.name, recipe.model, codec)
    model = _make_model(recipe, start, checkpoint, plan.steps, start_model)
    if config.teachers:
        model.learn_from(load_teachers(config, codec), config.teacher_weight)
    # The sources need no limit, because only pairs within the recipe's limits are decoded. A limit
    # on outputs that was stored during the run stays in force.
    rule = load_rule(resumed.path, codec.target) if resumed else None
    translator = Translator(model, codec, max_tokens=UNLIMITED, output_rule=rule)
    return Prepared(recipe, start, batches, validation, plan, translator, done)


def _make_model(
    recipe: Recipe,
    start: RunStart,
    checkpoint: Path | None,
    total_steps: int,
    start_model: StartModel | None,
) -> Seq2Seq:
    """Return the checkpoint's model, or a new one with the weights that training starts from."""
    codec, trained = start.codec, start.origin.model
    if checkpoint is not None:
        model = load_model(checkpoint, include_optimizer=True)
    else:
        model = build_model(recipe, codec, total_steps, start.origin.precision)
        load_pretrained(recipe.model, model, codec)
        if trained is not None:
            known = (start_model or StartModel.find_again(trained)).translator
            origins = codec_origins(known.codec, codec)
            start_from(model, known.single_model, origins, recipe.training.rates)
    make_fit_variables(model, len(codec.target.vocabulary))
    return model


def _check_held_out(config: TrainingConfig, held_out: Sequence[Pair]) -> None:
    """Check that pairs are held out if a setting depends on their metric."""
    uses_metric = {"schedule": config.schedule == "plateau", "patience": config.patience > 0}
    for name, is_used in uses_metric.items():
        if is_used and not held_out:
            raise InputError(
                f"`training.{name}`={getattr(config, name)!r} depends on the held-out metric and "
                "requires held-out pairs. "
                "Received: data.held_out=0 and no data.validation_path."
            )


def _check_short_list(config: TrainingConfig, codec: TextCodec) -> None:
    size, least = len(codec.target.vocabulary), 2 * LEAST_ALLOWED
    if config.short_list and size < least:
        raise InputError(
            f"`training.short_list` requires a target vocabulary of at least {least} tokens. "
            f"Received: {size} tokens."
        )


def _check_validations(
    config: TrainingConfig, plan: TrainingPlan, run: RunFolder, done: int
) -> None:
    if done > plan.intervals:
        raise InputError(
            f"{run.path}: the run already has {done} validations; increase `training.epochs` so "
            f"that there are at least {done}. Received: training.epochs={config.epochs}, which "
            f"makes {plan.intervals} validations."
        )
