"""Averages of the weights during training, which are validated and saved in place of the weights.

Keras's `SwapEMAWeights` is not used. It swaps by adding and subtracting, so training would continue
with rounded weights, and it would put the average into checkpoints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.translation.model_files import load_model

from ..recipe.training_config import TrainingConfig
from ..run.run_folder import RunFolder

Weights = list[npt.NDArray[np.float32]]


def with_average(
    evaluating: Sequence[keras.callbacks.Callback], config: TrainingConfig, run: RunFolder
) -> list[keras.callbacks.Callback]:
    """Put the callbacks between one that sets the average and one that restores the weights.

    Args:
        evaluating: the callbacks that validate and keep the averaged model.
        config: the recipe's `[training]` section.
        run: the run folder, with the checkpoints from which a resumed average starts.
    """
    if not config.ema and config.average_last == 1:
        return list(evaluating)
    average = MovingAverage() if config.ema else AverageOfLast(run, config.average_last)
    return [average, *evaluating, _UndoAverage(average)]


class _Average(keras.callbacks.Callback):
    """Base class that replaces the weights by an average while the model is evaluated."""

    def put(self) -> None:
        """Set the model's trainable weights to their average."""
        raise NotImplementedError

    def undo(self) -> Weights:
        """Restore the model's own weights, and return them."""
        own = self._own
        for variable, value in zip(self.model.trainable_variables, own, strict=True):
            variable.assign(value)
        return own

    def _swap(self) -> None:
        variables = self.model.trainable_variables
        self._own: Weights = [keras.ops.convert_to_numpy(variable) for variable in variables]
        self.put()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Set the average before fit computes the held-out loss."""
        self._swap()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the weights after fit has computed the held-out loss."""
        self.undo()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the average for the callbacks up to `_UndoAverage`, which restores the weights."""
        self._swap()


class MovingAverage(_Average):
    """The exponential moving average that the optimizer keeps (`use_ema`)."""

    def put(self) -> None:
        """Set the weights to the optimizer's average, as Keras does at the end of a fit."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)


class AverageOfLast(_Average):
    """The mean of the weights at the last validations (Vaswani et al. 2017, section 6.1).

    Args:
        run: the run folder. If it has checkpoints, the mean starts with their weights.
        count: largest number of validations in the mean, at least 2.

    Reference:
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, run: RunFolder, count: int) -> None:
        super().__init__()
        self.earlier: deque[Weights] = deque(maxlen=count - 1)
        for _, path in run.all_checkpoints():
            variables = load_model(path).trainable_variables
            self.earlier.append([keras.ops.convert_to_numpy(variable) for variable in variables])

    def put(self) -> None:
        """Set the weights to the mean of the earlier weights and the current ones."""
        weights = zip(*self.earlier, self._own, strict=True)
        for variable, values in zip(self.model.trainable_variables, weights, strict=True):
            variable.assign(np.mean(values, axis=0))


class _UndoAverage(keras.callbacks.Callback):
    """Restores the weights after the callbacks that evaluate the average."""

    def __init__(self, average: _Average) -> None:
        super().__init__()
        self.average = average

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        own = self.average.undo()
        if isinstance(self.average, AverageOfLast):
            self.average.earlier.append(own)
