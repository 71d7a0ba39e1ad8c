"""The model of a `bulk` command, which every worker loads once."""

from __future__ import annotations

from dataclasses import dataclass

from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.text.padded_batches import SORTED_BATCHES
from keras_attention.translation.folders.model_paths import is_saved_model
from keras_attention.translation.result import Translate

_loaded: dict[str, Translate] = {}
"""The models of this process.

The command loads the model to check its options. A worker in the same process then uses this model.
"""


@dataclass(frozen=True)
class JobModel:
    """Loads the model of a job; it is pickled and sent to the workers.

    Attributes:
        job: the model and its options.
    """

    job: TranslationJob

    def __call__(self) -> Translate:
        """Return the model, ready to translate.

        Raises:
            InputError: if there is no such model, or it does not support an option.
        """
        key = repr(self.job)
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = self.job.open()(0)
        return _loaded[key]

    def lines_at_once(self) -> int:
        """Return the number of lines that are sorted by length together."""
        if is_saved_model(self.job.model):
            return self.job.batch_size * SORTED_BATCHES
        return self.job.lines_at_once()


def forget_models() -> None:
    """Release the models of this process."""
    _loaded.clear()
