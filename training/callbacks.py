"""What happens after every stretch of training: decode, keep the best, make it resumable.

Fit's epoch, as all callbacks count it, is one such stretch: an epoch of the data, or as many steps
as the recipe's `validate_every` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_attention.translation import Translation
from keras_attention.translator import Translator, save_model

from .data import Pair
from .evaluate import evaluate
from .run_folder import RunFolder
from .sections import TrainingConfig


class SeedNoise(keras.callbacks.Callback):
    """Seeds every epoch's dropout from the recipe's seed and the epoch alone.

    Keras keeps the state of its random numbers in variables that it does not save, so that a
    resumed run would go on with other noise.

    Args:
        seed: the recipe's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the state of each of the model's generators, two words of 32 bits."""
        variables = self.model.non_trainable_variables
        states = [variable for variable in variables if variable.name == "seed_generator_state"]
        words = np.random.SeedSequence([self.seed, epoch]).generate_state(2 * len(states))
        for state, pair in zip(states, words.reshape(-1, 2), strict=True):
            state.assign(pair)


class RaiseSampling(keras.callbacks.Callback):
    """Raises scheduled sampling's share in a straight line, a stretch at a time.

    Args:
        share: what it ends at.
        grown_after: steps until then; 0 is from the start.
        steps: steps of one of fit's epochs.
    """

    def __init__(self, share: float, grown_after: int, steps: int) -> None:
        super().__init__()
        self.share = share
        self.grown_after = grown_after
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the model's share by how many steps it has taken."""
        grown = min(1.0, epoch * self.steps / self.grown_after) if self.grown_after else 1.0
        self.model.sampler.rate.assign(self.share * grown)


class LowerOnPlateau(keras.callbacks.Callback):
    """Multiplies the step size by a factor wherever the held-out metric stopped improving.

    Keras's own callback forgets when a run is killed what it has seen; what counts here stands in
    `metrics.csv`.

    Args:
        folder: the run folder.
        config: the recipe's step size, its factor and its patience.
        monitor: the metric's name in the logs.
        higher_is_better: whether more of the metric is better.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: TrainingConfig,
        monitor: str,
        *,
        higher_is_better: bool = True,
    ) -> None:
        super().__init__()
        self.config = config
        self.monitor = monitor
        self.sign = 1 if higher_is_better else -1
        self.values = folder.values(monitor)

    @property
    def plateaus(self) -> int:
        """How many there were so far; the patience begins anew after each."""
        best, waited, found = float("-inf"), 0, 0
        for value in self.values:
            waited = 0 if self.sign * value > best else waited + 1
            best = max(best, self.sign * value)
            if waited == self.config.plateau_patience:
                found, waited = found + 1, 0
        return found

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the step size."""
        rate = self.config.learning_rate * self.config.plateau_factor**self.plateaus
        self.model.optimizer.learning_rate = rate

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes note of the metric."""
        self.values.append((logs or {})[self.monitor])


class CountSteps(keras.callbacks.Callback):
    """Logs as `step` how many batches the model has seen.

    Args:
        steps: steps of one of fit's epochs.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the number to `logs` for all later callbacks."""
        if logs is not None:
            logs["step"] = (epoch + 1) * self.steps


class Validate(keras.callbacks.Callback):
    """Decodes the held-out pairs and logs what users judge by.

    It adds `val_` and the metric's name to the logs, and `val_exact_match`, which costs nothing
    more.

    Args:
        translator: the model in training, with its tokenizers.
        pairs: the held-out pairs.
        metric: a name that `text_metrics.score` takes.
    """

    def __init__(
        self, translator: Translator, pairs: Sequence[Pair], metric: str = "exact_match"
    ) -> None:
        super().__init__()
        self.translator = translator
        self.pairs = pairs
        self.metric = metric

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decodes as the recipe says, and adds the metrics to `logs` for all later callbacks."""
        evaluation = evaluate(self._translate, self.pairs)
        if logs is not None:
            logs["val_exact_match"] = evaluation.exact_match
            logs[f"val_{self.metric}"] = evaluation.score(self.metric).value

    def _translate(self, texts: Iterable[str]) -> list[Translation]:
        return self.translator(texts, batch_size=256)


class KeepBest(keras.callbacks.Callback):
    """Saves the translator whenever the held-out metric reaches a new best.

    Args:
        translator: the model in training, with its tokenizers.
        folder: the run folder.
        monitor: the metric's name in the logs.
        higher_is_better: whether more of it is better.
    """

    def __init__(
        self,
        translator: Translator,
        folder: RunFolder,
        monitor: str = "val_exact_match",
        *,
        higher_is_better: bool = True,
    ) -> None:
        super().__init__()
        self.translator = translator
        self.folder = folder
        self.monitor = monitor
        self.sign = 1 if higher_is_better else -1
        earlier = folder.values(monitor)
        self.best = max((self.sign * value for value in earlier), default=float("-inf"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if this epoch is the best; every epoch is, where nothing is held out."""
        value = (logs or {}).get(self.monitor)
        if value is None or self.sign * value > self.best:
            self.best = self.best if value is None else self.sign * value
            self.translator.save(self.folder.path)


class StopEarly(keras.callbacks.Callback):
    """Stops where the held-out metric has not improved for long.

    Keras's own callback forgets when a run is killed how long it has waited already; what counts
    here stands in `metrics.csv`.

    Args:
        folder: the run folder.
        monitor: the metric's name in the logs.
        patience: how many validations in a row may be without a new best; at least 1.
        higher_is_better: whether more of the metric is better.
    """

    def __init__(
        self, folder: RunFolder, monitor: str, patience: int, *, higher_is_better: bool = True
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.sign = 1 if higher_is_better else -1
        self.values = folder.values(monitor)

    @property
    def is_over(self) -> bool:
        """Whether the patience is at an end."""
        signed = [self.sign * value for value in self.values]
        return bool(signed) and len(signed) - 1 - signed.index(max(signed)) >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the fit, once the patience is at an end."""
        self.values.append((logs or {})[self.monitor])
        if self.is_over:
            self.model.stop_training = True


class Checkpoint(keras.callbacks.Callback):
    """Saves model and optimizer after every epoch, so that a killed run can be resumed.

    Args:
        folder: the run folder.
        keep: how many checkpoints stay; what averages the last ones needs as many.
    """

    def __init__(self, folder: RunFolder, keep: int = 1) -> None:
        super().__init__()
        self.folder = folder
        self.keep = keep

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint in one piece, then drops what is too old."""
        save_model(self.model, self.folder.checkpoint(epoch + 1), include_optimizer=True)
        self.folder.drop_checkpoints(keep=self.keep)
