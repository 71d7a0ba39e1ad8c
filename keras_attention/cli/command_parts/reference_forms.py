"""The form in which `evaluate` compares texts, and its notes on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport
from keras_attention.cli.runtimes import read_tflite
from keras_attention.text.normalization import normalize
from keras_attention.text.tokenizers import CharacterTokenizer, Tokenizer
from keras_attention.training.data.pairs import Pair
from keras_attention.training.evaluation.evaluate import Form
from keras_attention.training.metrics.metric_kinds import METRICS, Bleu, Sacrebleu
from keras_attention.translation.file_names import SETTINGS_FILE
from keras_attention.translation.folders.ensemble_folder import is_ensemble
from keras_attention.translation.folders.model_paths import is_saved_model
from keras_attention.translation.model_files import load_codec

_TOKENIZED = 100
"""If this many lines end in a separate period, sacrebleu assumes that the text is tokenized."""


def output_form(models: Sequence[Path]) -> Form:
    """Return the form in which references and the outputs of all models are compared.

    It is the form in which the models write. For example, a model of lower-case text cannot write
    capitals. If models write different forms, all forms are applied in turn, so that no model has
    an advantage. A SavedModel that an older version of this library wrote has no form, unless it is
    in a model's folder.
    """
    tokenizers = _target_tokenizers(models)

    def form(text: str) -> str:
        return reduce(lambda so_far, each: each.written_form(so_far), tokenizers, text)

    return form


def print_notes(models: Sequence[Path], pairs: Sequence[Pair], report: EvaluationReport) -> None:
    """Print notes on references that are compared in a different form, and on misleading scores."""
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
                f"{count} of {len(targets)} references are not in the form that the model writes, "
                f"{_describe(tokenizer)}; references and outputs are compared in that form."
            )


def _describe(tokenizer: Tokenizer) -> str:
    lower = " in lower case" if tokenizer.normalizer.lowercase else ""
    spaces = "" if isinstance(tokenizer, CharacterTokenizer) else " with single spaces"
    return tokenizer.normalizer.form + lower + spaces


def _target_tokenizers(models: Sequence[Path]) -> list[Tokenizer]:
    """Return the target tokenizers of the models, one for each form."""
    found = filter(None, map(target_tokenizer, models))
    return list({(each.name, each.normalizer): each for each in found}.values())


def target_tokenizer(model: Path) -> Tokenizer | None:
    """Return the target tokenizer of a model, or a tokenizer that writes the same form.

    The form of an export is read from the export: its folder may belong to another model.
    """
    if model.suffix == ".tflite" and model.is_file():
        return read_tflite(model).codec.target
    if is_saved_model(model):
        from keras_attention.export.saved_model.manifest import read_target_form

        if form := read_target_form(model):
            return form
    for folder in (model, *model.absolute().parents[:2]):
        if (folder / SETTINGS_FILE).is_file() or is_ensemble(folder):
            return load_codec(folder).target
    return None


def _normalized(text: str, report: EvaluationReport) -> str:
    """Normalize a text as the metrics do: all but sacrebleu's compare texts in normal form C."""
    if not any(issubclass(METRICS[name], Sacrebleu) for name in report.names):
        text = normalize(text, "nfc")
    return text.lower() if report.lowercase else text


def _of_bleu(targets: Sequence[str], report: EvaluationReport) -> Iterator[str]:
    if "bleu" not in report.names:
        return
    if not Bleu(report.tokenize).is_reachable(targets):
        yield (
            "no reference has four tokens, the length of BLEU's longest n-grams: BLEU is 0 even "
            "for perfect outputs. Use chrf or exact_match."
        )
    periods = sum(target.endswith(" .") for target in targets)
    if not report.tokenize and periods >= _TOKENIZED:
        yield (
            "the references look tokenized, and BLEU's tokenizer 13a splits them again; to avoid "
            "this, use --tokenize none."
        )
