"""The page of `evaluate --report`, and the confidence that `--save-confidence` stores."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from keras_attention._version import __version__
from keras_attention.cli.command_parts.evaluation_pairs import find_run
from keras_attention.cli.stopping import advise_on_output
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.training.evaluation.by_frequency import count_tokens
from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.evaluation.report.analysis import (
    Analysis,
    Frequencies,
    Question,
    analyse,
)
from keras_attention.training.evaluation.report.error_report import write_error_report
from keras_attention.training.run.resumed_pairs import read_training_pairs
from keras_attention.translation.file_names import CONFIDENCE_FILE, MODEL_FILE
from keras_attention.translation.folders.ensemble_folder import is_ensemble
from keras_attention.translation.folders.model_paths import is_export
from keras_attention.translation.model_files import load_codec, save_confidence
from keras_attention.visualization.html_page import check_page


@dataclass(frozen=True)
class ReportChoices:
    """The options of `evaluate` for the analysis of errors.

    The fields are `--report`, `--report-accuracy` and `--save-confidence`, explained by the help.
    """

    page: Path | None = None
    accuracy: float | None = None
    save: bool = False

    @property
    def requested(self) -> bool:
        """Whether the errors are analysed."""
        return bool(self.page) or self.save

    def check(
        self,
        models: Sequence[Path],
        others: Sequence[Path],
        output: Path | None = None,
        limit: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Check the options, before any text is translated."""
        option = "--report" if self.page else "--save-confidence"
        if self.accuracy is not None and not self.requested:
            raise InputError(
                "--report-accuracy requires --report or --save-confidence. "
                f"Received: --report-accuracy {self.accuracy} alone."
            )
        if self.requested and len(models) > 1:
            raise InputError(f"{option} requires exactly one model. Received: {len(models)}.")
        if self.page:
            check_page(self.page)
            if output and output.resolve() == self.page.resolve():
                raise InputError(
                    f"--report and --output must be different files. Received: {output} for both."
                )
        if not self.save:
            return
        if others:
            raise InputError(
                "--save-confidence requires a single model, because it writes to the model's "
                f"folder. Received: --with {others[0]}."
            )
        for name in limit:
            raise InputError(
                "--save-confidence stores a confidence for searches without a limit and cannot be "
                f"combined with --{name}. Received: --save-confidence and --{name}."
            )
        (model,) = models
        if is_ensemble(model):
            raise InputError(
                f"{model}: --save-confidence requires a single model, because it writes to the "
                "model's folder. Received: the folder of an ensemble."
            )
        if is_export(model) or not (model / MODEL_FILE).is_file():
            raise InputError(
                f"{model}: --save-confidence requires the folder of a trained model; export the "
                "model again to store the values in its exports. Received: "
                f"{'an export or a checkpoint' if model.exists() else 'no such folder'}."
            )

    @contextmanager
    def open_page(self) -> Iterator[Path | None]:
        """Yield a temporary path for the page, or None if no page is written.

        If the block succeeds, the page is moved to its own path.
        """
        if self.page is None:
            yield None
            return
        with advise_on_output(self.page), write_atomically(self.page) as temporary_path:
            yield temporary_path


def report_errors(
    evaluation: Evaluation,
    model: Path,
    choices: ReportChoices,
    question: Question,
    *,
    page: Path | None,
    about: Mapping[str, str],
) -> None:
    """Analyse the errors of a model, write the page and store the confidence, as requested."""
    frequencies = _frequencies(model) if page else Frequencies(problem="not requested.")
    analysis = analyse(evaluation, question, frequencies)
    _print_confidence(analysis)
    if page:
        write_error_report(analysis, page, f"Errors of {about['model']}", about)
    if choices.save:
        save_confidence(analysis.stored, model)
        print(f"Wrote {model / CONFIDENCE_FILE}; export the model again to store it in its exports")


def describe_run(
    name: str, data: Path | None, pairs: int, held_out_of: Path | None = None
) -> dict[str, str]:
    """Return the facts for the head of a page."""
    whose = f"the training of {held_out_of}" if held_out_of else "training"
    source = str(data) if data else f"the pairs that {whose} held out"
    return {
        "model": name,
        "data": f"{source}, {pairs:,} pairs",
        "date": datetime.now().astimezone().isoformat(" ", "minutes"),
        "command": shlex.join(["keras-attention", *sys.argv[1:]]),
        "version": f"keras-attention {__version__}",
    }


def _frequencies(model: Path) -> Frequencies:
    """Count the source tokens of the training pairs, or explain why that is not possible."""
    folder = find_run(model)
    if folder is None:
        return Frequencies(problem="the model is not in a run folder, so its data is not known.")
    try:
        tokenizer = load_codec(folder).source
        training = read_training_pairs(folder)
    except InputError as error:
        return Frequencies(problem=str(error))
    counts = count_tokens((source for source, _ in training), tokenizer.split)
    return Frequencies(counts, tokenizer.split)


def _print_confidence(analysis: Analysis) -> None:
    print(f"temperature  {analysis.calibration.temperature:.3f}")
    found, asked = analysis.acceptance, analysis.question.accuracy
    if found is None:
        effect = "halves the error rate" if asked is None else f"reaches {asked:.2%} accuracy"
        print(f"threshold    none {effect}")
        return
    total = analysis.evaluation.pairs
    print(
        f"threshold    {analysis.shown_threshold}  accepts {found.count} of {total} outputs, "
        f"{found.right / found.count:.2%} of them right"
    )
    used = analysis.used_temperature
    if used != analysis.calibration.temperature:
        print(
            f"The threshold is for a temperature of {used:.4g}, which `translate` uses for this "
            "model until another temperature is stored."
        )
