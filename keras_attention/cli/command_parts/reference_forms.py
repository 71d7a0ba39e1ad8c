"""The form in which `evaluate` compares references, and its notes on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport
from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact
from keras_attention.text.normalization import normalize
from keras_attention.text.tokenizers import CharacterTokenizer, Tokenizer
from keras_attention.training.data.pairs import Pair
from keras_attention.training.evaluation.evaluate import Form
from keras_attention.training.metrics.metric_kinds import METRICS, Bleu, Sacrebleu
from keras_attention.translation.codec import SETTINGS_FILE
from keras_attention.translation.model_files import load_codec

_TOKENIZED = 100
"""From so many lines with a tokenized period at their end sacrebleu takes a text for tokenized."""


def output_form(models: Sequence[Path]) -> Form:
    """Return the form in which references and the outputs of all models are compared.

    It is the form in which the models write: a model of lower-cased text, for example, cannot write
    capitals. If models write different forms, all of these are applied in turn, so that no model
    has an advantage. A SavedModel of an older version, outside a model's folder, has none.
    """
    tokenizers = _target_tokenizers(models)

    def form(text: str) -> str:
        return reduce(lambda so_far, each: each.written_form(so_far), tokenizers, text)

    return form


def print_notes(models: Sequence[Path], pairs: Sequence[Pair], report: EvaluationReport) -> None:
    """Say which references are compared in another form, and which scores say little.

    Args:
        models: what is evaluated.
        pairs: sources and targets.
        report: what is wanted, checked.
    """
    targets = [target for _, target in pairs]
    for note in [*_of_form(models, targets, report), *_of_bleu(targets, report)]:
        print(f"note: {note}", file=sys.stderr)


def _of_form(
    models: Sequence[Path], targets: Sequence[str], report: EvaluationReport
) -> Iterator[str]:
    for tokenizer in _target_tokenizers(models):
        pairs = ((tokenizer.written_form(target), target) for target in targets)
        count = sum(_normalized(one, report) != _normalized(other, report) for one, other in pairs)
        if count:
            yield (
                f"{count} of {len(targets)} references have another form than the model writes, "
                f"{_describe(tokenizer)}; references and outputs are compared in that form."
            )


def _describe(tokenizer: Tokenizer) -> str:
    lower = " in lower case" if tokenizer.normalizer.lowercase else ""
    spaces = "" if isinstance(tokenizer, CharacterTokenizer) else " with single spaces"
    return tokenizer.normalizer.form + lower + spaces


def _target_tokenizers(models: Sequence[Path]) -> list[Tokenizer]:
    """Return the target tokenizers of the models, one for each form."""
    found = filter(None, map(_target_tokenizer, models))
    return list({(each.name, each.normalizer): each for each in found}.values())


def _target_tokenizer(model: Path) -> Tokenizer | None:
    """Return what writes as a model does: its target tokenizer, or one of the same form.

    An export says its form itself; the folder that it stands in may be another model's.
    """
    if model.suffix == ".tflite" and model.is_file():
        from keras_attention.export.device.device_file import read_device_file

        file_bytes = read_artefact(model, largest=LARGEST_MODEL)
        return read_device_file(file_bytes, str(model)).codec.target
    if (model / "saved_model.pb").is_file():
        from keras_attention.export.saved_model.manifest import read_target_form

        if form := read_target_form(model):
            return form
    for folder in (model, *model.absolute().parents[:2]):
        if (folder / SETTINGS_FILE).is_file():
            return load_codec(folder).target
    return None


def _normalized(text: str, report: EvaluationReport) -> str:
    """The text as the metrics see it; all but sacrebleu's compare in normal form C."""
    if not any(issubclass(METRICS[name], Sacrebleu) for name in report.names):
        text = normalize(text, "nfc")
    return text.lower() if report.lowercase else text


def _of_bleu(targets: Sequence[str], report: EvaluationReport) -> Iterator[str]:
    if "bleu" not in report.names:
        return
    if not Bleu(report.tokenize).is_reachable(targets):
        yield (
            "no reference has four tokens, the length of BLEU's longest n-grams: it is 0 even for "
            "perfect outputs; use chrf or exact_match."
        )
    periods = sum(target.endswith(" .") for target in targets)
    if not report.tokenize and periods >= _TOKENIZED:
        yield "the references look tokenized; BLEU's 13a cuts them again, --tokenize none does not."
