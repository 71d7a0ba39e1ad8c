"""The callback that saves checkpoints, from which a killed run is resumed."""

from __future__ import annotations

from typing import Any

import keras

from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import save_model

from ..run.run_folder import RunFolder


class Checkpoint(keras.callbacks.Callback):
    """Saves model and optimizer after every epoch, so that a killed run can be resumed.

    Args:
        folder: the run folder.
        keep: number of checkpoints to keep; `AverageOfLast` needs one for each model in its mean.
        codec: the tokenizers, whose fingerprint is saved in the checkpoints.
    """

    def __init__(self, folder: RunFolder, keep: int = 1, codec: TextCodec | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.keep = keep
        self.codec = codec

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the checkpoint, then remove checkpoints that are too old."""
        path = self.folder.checkpoint(epoch + 1)
        save_model(self.model, path, include_optimizer=True, codec=self.codec)
        self.folder.drop_checkpoints(keep=self.keep)
