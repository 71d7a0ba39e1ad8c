"""The lines of the output: translations with their keys, and dead letters with their reasons."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from keras_attention.decoding.confidence import Confidence
from keras_attention.errors import TextError
from keras_attention.translation.result import Translation

from .chunks import Chunk
from .handlers import Answer

NAMESPACE = "keras_attention"
"""The namespace of our counters in Beam's metrics."""

COUNTERS = (
    "lines",
    "translated",
    "refused",
    "with unknown tokens",
    "source tokens",
    "target tokens",
    "batches",
)

NO_HYPOTHESIS = (
    "expected a hypothesis with a finite score. Received: none; the model's weights may be damaged."
)

Part = tuple[int, int, str]
"""Lines for an output file, and two numbers to sort by: input file and first line of the chunk."""


@dataclass(frozen=True)
class RecordFormat:
    """The format of the output lines.

    Attributes:
        as_json: whether each line is a JSON object. Otherwise, it has columns separated by tabs.
        confidence: computes the confidences, with the model's temperature.
    """

    as_json: bool = False
    confidence: Confidence = Confidence()

    def translated(self, path: str, number: int, translation: Translation) -> str:
        """Return the line with a translation: file, line, score, confidence and text."""
        score, confidence = translation.score, self.confidence.of(translation)
        if self.as_json:
            numbers = {"score": round(score, 6), "confidence": round(confidence, 6)}
            return _dump({"file": path, "line": number, **numbers, "text": translation.text})
        return f"{path}\t{number}\t{score:.4f}\t{confidence:.6f}\t{translation.text}\n"

    def refused(self, path: str, number: int, reason: str, text: str) -> str:
        """Return the dead letter of a line: file, line, reason and text."""
        if self.as_json:
            return _dump({"file": path, "line": number, "reason": reason, "text": text})
        return f"{path}\t{number}\t{reason}\t{text}\n"


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


class FormatChunk(beam.DoFn):
    """Turns the answers to a chunk into lines of its shard and dead letters, and counts them.

    Args:
        form: the format of the lines.
        shards: number of shards, and so the number of the dead-letter file.
        progress: path of a file to which the number of lines of each finished chunk is appended; ""
            for none.
    """

    def __init__(self, form: RecordFormat, shards: int, progress: str = "") -> None:
        super().__init__()
        self.form, self.shards, self.progress = form, shards, progress

    def setup(self) -> None:
        """Create the counters."""
        self.counters = {name: Metrics.counter(NAMESPACE, name) for name in COUNTERS}

    def process(self, element: tuple[Chunk, list[Answer]]) -> Iterator[tuple[int, Part]]:
        """Yield the number of each output file with the lines for this file."""
        chunk, answers = element
        written, dead = [], []
        for number, answer in enumerate(answers, start=chunk.first):
            reason = _reason(answer, chunk.path, number)
            if isinstance(answer, Translation) and not reason:
                written.append(self.form.translated(chunk.path, number, answer))
            else:
                line = chunk.lines[number - chunk.first]
                text = line if isinstance(line, str) else ""
                dead.append(self.form.refused(chunk.path, number, reason, text))
        self._count(answers, refused=len(dead))
        yield chunk.output, (chunk.file, chunk.first, "".join(written))
        yield self.shards, (chunk.file, chunk.first, "".join(dead))

    def _count(self, answers: list[Answer], *, refused: int) -> None:
        found = [answer for answer in answers if isinstance(answer, Translation)]
        values = {
            "lines": len(answers),
            "translated": len(answers) - refused,
            "refused": refused,
            "with unknown tokens": sum(bool(each.unknown_tokens) for each in found),
            "source tokens": sum(len(each.source_tokens) for each in found),
            "target tokens": sum(len(each.tokens) for each in found),
            "batches": bool(answers),
        }
        for name, value in values.items():
            self.counters[name].inc(int(value))
        if self.progress and answers:
            _append(self.progress, f"{len(answers)}\n")


def _reason(answer: Answer, path: str, number: int) -> str:
    """Return the reason why a line has no translation, or "" if it has one."""
    if isinstance(answer, Translation):
        return "" if answer.hypotheses else NO_HYPOTHESIS
    reason = answer.problem if isinstance(answer, TextError) else str(answer)
    return " ".join(reason.removeprefix(f"{path}, line {number}: ").split())


def _append(path: str, text: str) -> None:
    """Append to a file that several processes write to. Do nothing if the file does not exist."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, text.encode())
        os.close(descriptor)
