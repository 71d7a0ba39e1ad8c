"""Averages of the weights over training, which are validated and kept in place of the last ones.

Keras's `SwapEMAWeights` swaps by adding and subtracting, which rounds the weights that training
goes on with, and leaves the average in the model while a checkpoint is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.translation.model_files import load_model

from ..recipe.sections import TrainingConfig
from ..run.run_folder import RunFolder

Weights = list[npt.NDArray[np.float32]]


def with_average(
    judged: Sequence[keras.callbacks.Callback], config: TrainingConfig, run: RunFolder
) -> list[keras.callbacks.Callback]:
    """Callbacks that see the average the recipe asks for, between those that put and undo it.

    Args:
        judged: what validates and keeps.
        config: the recipe's section.
        run: the run folder, with the checkpoints that a resumed average begins with.
    """
    if not config.ema and config.average_last == 1:
        return list(judged)
    average = MovingAverage() if config.ema else AverageOfLast(run, config.average_last)
    return [average, *judged, _UndoAverage(average)]


class _Average(keras.callbacks.Callback):
    """Puts an average of the weights in their place while the model is judged."""

    def put(self) -> None:
        """Sets the model's trainable weights to their average."""
        raise NotImplementedError

    def undo(self) -> Weights:
        """Gives the model its own weights back and returns them."""
        own = self._own
        for variable, value in zip(self.model.trainable_variables, own, strict=True):
            variable.assign(value)
        return own

    def _swap(self) -> None:
        variables = self.model.trainable_variables
        self._own: Weights = [keras.ops.convert_to_numpy(variable) for variable in variables]
        self.put()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before fit's own validation."""
        self._swap()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """After it."""
        self.undo()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before ours; `_UndoAverage` stands behind it."""
        self._swap()


class MovingAverage(_Average):
    """The exponential moving average that the optimizer keeps (`use_ema`)."""

    def put(self) -> None:
        """As Keras does at the end of a fit."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)


class AverageOfLast(_Average):
    """The mean of the weights at the last validations (Vaswani et al. 2017, section 6.1).

    Args:
        run: the run folder; the checkpoints that stand there are the first of the mean.
        count: how many of them at most, at least 2.

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
        """The mean of the earlier weights and the present ones."""
        every = zip(*self.earlier, self._own, strict=True)
        for variable, values in zip(self.model.trainable_variables, every, strict=True):
            variable.assign(np.mean(values, axis=0))


class _UndoAverage(keras.callbacks.Callback):
    def __init__(self, average: _Average) -> None:
        super().__init__()
        self.average = average

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        own = self.average.undo()
        if isinstance(self.average, AverageOfLast):
            self.average.earlier.append(own)
