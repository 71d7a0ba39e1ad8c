"""What happens at the end of every epoch: decode, keep the best, make it resumable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_attention.translator import Translator, exact_match, save_model

from .data import Pair
from .run_folder import RunFolder


class ExactMatch(keras.callbacks.Callback):
    """Decodes the held-out pairs and logs the share of exact matches as `val_exact_match`.

    Args:
        translator: the model in training, with its tokenizers.
        pairs: the held-out pairs.
    """

    def __init__(self, translator: Translator, pairs: Sequence[Pair]) -> None:
        super().__init__()
        self.translator = translator
        self.sources = [source for source, _ in pairs]
        self.targets = [target for _, target in pairs]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decodes as the recipe says, and adds the metric to `logs` for all later callbacks."""
        translations = self.translator(self.sources, batch_size=256)
        texts = [translation.text for translation in translations]
        if logs is not None:
            logs["val_exact_match"] = exact_match(texts, self.targets)


class KeepBest(keras.callbacks.Callback):
    """Saves the translator whenever the held-out metric reaches a new best.

    Args:
        translator: the model in training, with its tokenizers.
        folder: the run folder.
        monitor: the metric's name in the logs; more is better.
    """

    def __init__(
        self, translator: Translator, folder: RunFolder, monitor: str = "val_exact_match"
    ) -> None:
        super().__init__()
        self.translator = translator
        self.folder = folder
        self.monitor = monitor
        earlier = [row[monitor] for row in folder.metrics() if monitor in row]
        self.best = max(earlier, default=float("-inf"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves if this epoch is the best; every epoch is, where nothing is held out."""
        value = (logs or {}).get(self.monitor)
        if value is None or value > self.best:
            self.best = self.best if value is None else value
            self.translator.save(self.folder.path)


class Checkpoint(keras.callbacks.Callback):
    """Saves model and optimizer after every epoch, so that a killed run can be resumed.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint in one piece, then drops the earlier one."""
        path = self.folder.checkpoint(epoch + 1)
        save_model(self.model, path, include_optimizer=True)
        self.folder.drop_checkpoints_but(path)
