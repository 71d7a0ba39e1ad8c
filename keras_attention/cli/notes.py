"""What `evaluate` says of the references beside their scores, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_attention.cli.evaluation import Report
from keras_attention.model_files import load_codec
from keras_attention.text.codec import SETTINGS_FILE
from keras_attention.text.normalization import Normalizer, normalize
from keras_attention.training.data import Pair
from keras_attention.training.metric_kinds import Sacrebleu
from keras_attention.training.text_metrics import METRICS

_TOKENIZED = 100
"""From so many lines with a tokenized period at their end sacrebleu takes a text for tokenized."""


def print_notes(models: Sequence[Path], pairs: Sequence[Pair], report: Report) -> None:
    """Says where the form of the references makes scores lower.

    Outputs are compared with the references as they are given, since published figures are; a
    model that was trained on lower case, say, cannot write them.

    Args:
        models: what is evaluated.
        pairs: sources and targets.
        report: what is wanted, checked.
    """
    targets = [target for _, target in pairs]
    notes = [*_of_normalization(models, targets, report), *_of_tokens(targets, report)]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _of_normalization(
    models: Sequence[Path], targets: Sequence[str], report: Report
) -> Iterator[str]:
    for normalizer in dict.fromkeys(filter(None, map(_target_normalizer, models))):
        writable = [normalize(normalizer(target), "nfc") for target in targets]
        pairs = zip(writable, targets, strict=True)
        count = sum(_compared(one, report) != _compared(other, report) for one, other in pairs)
        if count:
            form = normalizer.form + (" in lower case" if normalizer.lowercase else "")
            yield (
                f"outputs are compared with the references as given; {count} of {len(targets)} "
                f"have another form than the targets of training, {form}."
            )


def _target_normalizer(model: Path) -> Normalizer | None:
    """What was done to a model's targets; None for an export that stands alone."""
    for folder in (model, *model.absolute().parents[:2]):
        if (folder / SETTINGS_FILE).is_file():
            return load_codec(folder).target.normalizer
    return None


def _compared(text: str, report: Report) -> str:
    """The text as the metrics see it; all but sacrebleu's compare in normal form C."""
    if not any(issubclass(METRICS[name], Sacrebleu) for name in report.names):
        text = normalize(text, "nfc")
    return text.lower() if report.lowercase else text


def _of_tokens(targets: Sequence[str], report: Report) -> Iterator[str]:
    periods = sum(target.endswith(" .") for target in targets)
    if "bleu" in report.names and not report.tokenize and periods >= _TOKENIZED:
        yield "the references look tokenized; BLEU's 13a cuts them again, --tokenize none does not."
