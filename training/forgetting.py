"""Measure how much a fine-tuned model has forgotten, on the held-out pairs of its start model."""

from __future__ import annotations

import logging
from typing import NamedTuple

from keras_attention.errors import InputError
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.translator import Translator

from .batches.recipe_batches import VALIDATION_ROWS
from .evaluation.evaluate import evaluate
from .metrics.metric_kinds import Score
from .run.fingerprints import Fingerprint
from .run.start_model import StartModel

_logger = logging.getLogger(__name__)


class Forgetting(NamedTuple):
    """A metric on the held-out pairs of the model that a run was fine-tuned from.

    Attributes:
        pairs: number of pairs.
        before: the score of that model.
        after: the score of the fine-tuned model.
    """

    pairs: int
    before: Score
    after: Score


def measure_forgetting(start: StartModel, tuned: Translator, metric: str) -> Forgetting | None:
    """Compare a fine-tuned model with its start model, on the start model's held-out pairs.

    Returns:
        The scores of both models, or None if the start model has no held-out pairs.
    """
    pairs = start.held_out
    if not pairs:
        return None

    def score(translator: Translator) -> Score:
        found = evaluate(lambda texts: translator(texts, batch_size=VALIDATION_ROWS), pairs)
        return found.in_form(translator.codec.reference_form).score(metric)

    unlimited = Translator(tuned.model, tuned.codec, tuned.short_list, max_tokens=UNLIMITED)
    return Forgetting(len(pairs), score(start.translator), score(unlimited))


def report_forgetting(model: Fingerprint, tuned: Translator, metric: str) -> None:
    """Log what `measure_forgetting` returns, or why the model or its pairs cannot be read."""
    try:
        start = StartModel.find_again(model)
        found = measure_forgetting(start, tuned, metric)
    except InputError as error:
        _logger.warning("%s Training cannot measure how much the model has forgotten.", error)
        return
    if found is not None:
        _logger.info(
            "%d held-out pairs of %s: %s %s before fine-tuning, %s after",
            *(found.pairs, start.folder, metric, found.before, found.after),
        )
