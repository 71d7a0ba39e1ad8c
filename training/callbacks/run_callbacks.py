"""The callbacks of a run, in the order in which they are called.

In all callbacks, what Keras calls an epoch is one validation interval: one pass over the training
pairs, or `training.validate_every` steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_attention.translation.translator import Translator

from ..data.pairs import Pair
from ..metrics.text_metrics import higher_is_better
from ..recipe.training_config import TrainingConfig
from ..run.run_folder import RunFolder
from ..run.training_plan import TrainingPlan
from .averaging import with_average
from .checkpoint import Checkpoint
from .divergence import StopDiverged
from .intervals import CountSteps, RaiseSampling, SeedDropout
from .metric_watchers import KeepBest, LowerOnPlateau, StopEarly
from .progress import make_progress
from .samples import ShowSamples
from .stopwatch import Stopwatch
from .validate import Validate


def make_callbacks(
    config: TrainingConfig,
    seed: int,
    run: RunFolder,
    translator: Translator,
    held_out: Sequence[Pair],
    plan: TrainingPlan,
    *,
    tokens_per_step: float,
) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a run. Each receives the metrics that earlier ones have logged.

    Args:
        config: the recipe's `[training]` section.
        seed: the recipe's `training_seed`.
        run: the run folder.
        translator: the model in training, with its tokenizers.
        held_out: the pairs to validate on, all within the recipe's length limits.
        plan: the length of the run.
        tokens_per_step: mean number of target tokens per batch, without padding.
    """
    monitor, more = f"val_{config.metric}", higher_is_better(config.metric)
    evaluating: list[keras.callbacks.Callback] = [
        KeepBest(run, monitor, translator, higher_is_better=more)
    ]
    if held_out:
        evaluating.insert(0, Validate(translator, held_out, config.metric))
        evaluating.append(ShowSamples(translator, held_out, run.logs / "samples", plan.interval))
    early, plateaus = config.patience > 0, config.schedule == "plateau"
    return [
        StopDiverged(run, config, len(translator.codec.target.vocabulary), plan),
        SeedDropout(seed),
        CountSteps(plan.interval),
        *with_average(evaluating, config, run),
        *([LowerOnPlateau(run, monitor, config, higher_is_better=more)] if plateaus else []),
        *([RaiseSampling(config, plan.interval)] if config.scheduled_sampling else []),
        *([StopEarly(run, monitor, config.patience, higher_is_better=more)] if early else []),
        keras.callbacks.CSVLogger(str(run.metrics_file), append=True),
        keras.callbacks.TensorBoard(str(run.logs), write_graph=False),
        Checkpoint(run, keep=config.average_last, codec=translator.codec),
        make_progress(plan),
        Stopwatch(run.path, tokens_per_step, plan.interval),
    ]
