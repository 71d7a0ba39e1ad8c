"""The callback that decodes the held-out pairs after every validation interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from keras_attention.translation.result import Translation
from keras_attention.translation.translator import Translator

from ..batches.recipe_batches import VALIDATION_ROWS
from ..data.pairs import Pair
from ..evaluation.by_feature import group_by_features
from ..evaluation.evaluate import evaluate
from ..processes.processes import of_first_process


class Validate(keras.callbacks.Callback):
    """Decodes the held-out pairs and logs the metric that chooses the best model.

    It logs the metric as `val_` followed by its name. It also logs `val_exact_match`, which costs
    no extra time. If the sources carry a source feature such as the language, it also logs the
    metric for each value, as `val_g2p_wer_language=kor`, and their mean, as
    `val_g2p_wer_language=(mean)`. References and outputs are normalized like the model's targets
    before they are compared.
    """

    def __init__(
        self, translator: Translator, pairs: Sequence[Pair], metric: str = "exact_match"
    ) -> None:
        super().__init__()
        self.translator = translator
        self.metric = metric
        self._form = translator.codec.reference_form
        self.pairs = [(source, self._form(target)) for source, target in pairs]
        self._groups = list(group_by_features([source for source, _ in pairs]))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decode with the recipe's search options, and add the metrics to `logs`."""
        evaluation = evaluate(self._translate, self.pairs).with_outputs(self._form)
        values = {
            "val_exact_match": evaluation.exact_match,
            f"val_{self.metric}": evaluation.score(self.metric).value,
        }
        for group in self._groups:
            for value, score in group.scores(evaluation, self.metric).items():
                values[f"val_{self.metric}_{group.name}={value}"] = score
        if logs is not None:
            logs.update(of_first_process(values))

    def _translate(self, texts: Iterable[str]) -> list[Translation]:
        return self.translator(texts, batch_size=VALIDATION_ROWS, progress=False)
