"""What happens after every stretch of training: decode, keep the best, make it resumable.

Fit's epoch, as all callbacks count it, is one such stretch: an epoch of the data, or as many steps
as the recipe's `validate_every` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import save_model
from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator

from ..data.pairs import Pair
from ..evaluation.evaluate import evaluate
from ..recipe.sections import TrainingConfig
from ..run.run_folder import RunFolder

VALIDATION_ROWS = 256
"""Largest number of held-out pairs in a batch."""


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
    """Raises scheduled sampling's rate in a straight line, a stretch at a time.

    Args:
        config: the recipe's last rate, and the steps until then.
        steps: steps of one of fit's epochs.
    """

    def __init__(self, config: TrainingConfig, steps: int) -> None:
        super().__init__()
        self.config = config
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the model's rate by how many steps it has taken."""
        rise = self.config.scheduled_sampling_steps
        risen = min(1.0, epoch * self.steps / rise) if rise else 1.0
        self.model.sampler.rate.assign(self.config.scheduled_sampling * risen)


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
    more. References and outputs are compared in the form in which the model writes.

    Args:
        translator: the model in training, with its tokenizers.
        pairs: the held-out pairs, those within the recipe's limits of length.
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
        form = self.translator.codec.reference_form
        evaluation = evaluate(self._translate, self.pairs).in_form(form)
        if logs is not None:
            logs["val_exact_match"] = evaluation.exact_match
            logs[f"val_{self.metric}"] = evaluation.score(self.metric).value

    def _translate(self, texts: Iterable[str]) -> list[Translation]:
        return self.translator(texts, batch_size=VALIDATION_ROWS)


class Checkpoint(keras.callbacks.Callback):
    """Saves model and optimizer after every epoch, so that a killed run can be resumed.

    Args:
        folder: the run folder.
        keep: how many checkpoints stay; what averages the last ones needs as many.
        codec: the tokenizers, whose fingerprint the checkpoints keep.
    """

    def __init__(self, folder: RunFolder, keep: int = 1, codec: TextCodec | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.keep = keep
        self.codec = codec

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint in one piece, then drops what is too old."""
        path = self.folder.checkpoint(epoch + 1)
        save_model(self.model, path, include_optimizer=True, codec=self.codec)
        self.folder.drop_checkpoints(keep=self.keep)
