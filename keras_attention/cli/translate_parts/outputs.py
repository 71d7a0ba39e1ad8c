"""The outputs of `translate`: standard output, or a file that a later command can continue."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from keras_attention.cli.lines import Line, UnusableLine
from keras_attention.cli.search_options import option_of
from keras_attention.cli.stopping import advise_on_output, advise_on_stop
from keras_attention.errors import InputError
from keras_attention.files.partial_file import PartialFile, write_in_parts
from keras_attention.files.schema import JsonFile, integer, text
from keras_attention.text.unknown_tokens import UnknownTokens

_NAMES = {"features": "feature", "as_json": "json"}
"""Options whose name on the command line differs from the name in `TranslationJob`."""

_COUNTS = ("lines", "texts", "unusable", "missing", "doubtful")
_UNKNOWN = {"lines": integer(0), "example": text(), "place": text()}
_STATE = JsonFile(
    "the record of `translate`",
    {
        "model": text(),
        "options": {},
        "tally": {
            "sha256": text(),
            **{name: integer(0) for name in _COUNTS},
            "unknown": _UNKNOWN,
        },
    },
)


@dataclass
class Tally:
    """Counts the lines that are finished, and digests them to recognise the input.

    Attributes:
        lines: number of lines.
        texts: number of lines that are UTF-8.
        unusable: number of lines that cannot be used.
        missing: number of lines without a hypothesis.
        doubtful: number of outputs that are marked for a check.
        unknown: the lines with tokens that the model does not know.
    """

    lines: int = 0
    texts: int = 0
    unusable: int = 0
    missing: int = 0
    doubtful: int = 0
    unknown: UnknownTokens = field(default_factory=UnknownTokens)

    def __post_init__(self) -> None:
        """Begin the digest."""
        self._digest = hashlib.sha256()

    def add(self, lines: Iterable[Line]) -> None:
        """Count lines of the input."""
        for line in lines:
            is_text = isinstance(line, str)
            content = str(line).encode(errors="surrogatepass") if is_text else b"\xff"
            self._digest.update(content + b"\n")
            self.lines += 1
            self.texts += is_text

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the digest."""
        return {"sha256": self._digest.hexdigest(), **asdict(self)}

    @classmethod
    def of_earlier(cls, values: Mapping[str, Any], lines: Iterator[Line], name: str) -> Tally:
        """Return the tally of an earlier command, and skip the lines that it finished."""
        found = cls()
        found.add(islice(lines, values["lines"]))
        if found.to_json()["sha256"] != values["sha256"]:
            raise InputError(
                f"{name}: --resume requires the same first {values['lines']} lines as in the "
                "interrupted command. Received: other lines; to begin again, leave out --resume."
            )
        for count in _COUNTS[2:]:
            setattr(found, count, values[count])
        found.unknown = UnknownTokens(*(values["unknown"][name] for name in _UNKNOWN))
        return found


class Output:
    """Standard output."""

    earlier: Mapping[str, Any] | None = None
    """The tally of the interrupted command that this command resumes; None if there is none."""

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, which are given without line ends."""
        sys.stdout.writelines(f"{line}\n" for line in lines)

    def end_batch(self, tally: Tally) -> None:
        """End a batch, after all its lines are written."""
        sys.stdout.flush()


class FileOutput(Output):
    """A file that appears when it is complete; see `write_in_parts`."""

    def __init__(self, parts: PartialFile, made_by: Mapping[str, Any]) -> None:
        self._parts, self._made_by = parts, made_by
        self._lines: list[str] = []
        self.added = False
        if parts.state:
            _STATE.check(parts.state, os.fspath(parts.record))
            _check_same(parts, made_by)
            self.earlier = parts.state["tally"]

    def write(self, lines: Iterable[str]) -> None:
        """Collect the lines of a batch, which is written as a whole."""
        self._lines += lines

    def end_batch(self, tally: Tally) -> None:
        """Write the batch, and record from where to continue."""
        part = "".join(f"{line}\n" for line in self._lines)
        self._parts.add(part, {**self._made_by, "tally": tally.to_json()})
        self._lines, self.added = [], True

    @property
    def can_resume(self) -> bool:
        """Whether a later command can continue; not if a server translates."""
        return bool(self._made_by["model"])

    @property
    def kept(self) -> str:
        """A sentence about the lines that are written so far, or "" if there are none."""
        if not self._parts.state:
            return ""
        count = self._parts.state["tally"]["lines"]
        kept = f"{self._parts.path} has the output of the first {count} lines"
        if not self.can_resume:
            return f"{kept}."
        return f"{kept}; the same command with --resume continues after them."


@contextmanager
def open_output(
    path: Path | None, made_by: Mapping[str, Any], *, resume: bool = False
) -> Iterator[Output]:
    """Yield the output; if the block fails, report how much of the output is kept.

    Args:
        path: the file; None for standard output.
        made_by: the model and the options, which a command that resumes the file must share.
        resume: whether to continue the file of an interrupted command, if there is one.
    """
    if path is None:
        yield Output()
        return
    with write_in_parts(path, resume=resume) as parts:
        output = FileOutput(parts, made_by)
        try:
            yield output
        except KeyboardInterrupt:
            kept = output.kept
            with advise_on_stop(kept) if kept else advise_on_output(path):
                raise
        except InputError as error:
            if not output.added:
                raise
            advice = " To continue after this line too, add --on-error skip or empty."
            skips = isinstance(error, UnusableLine) and output.can_resume
            raise InputError(f"{error} {output.kept}{advice * skips}") from error


def _check_same(parts: PartialFile, made_by: Mapping[str, Any]) -> None:
    """Check that an earlier command had the same model and options.

    If it could use all its lines, it may have had another `--on-error`.
    """
    if parts.state["model"] != made_by["model"]:
        raise InputError(
            f"{parts.record}: --resume requires the model of the interrupted command. Received: a "
            "model whose files differ; to begin again, leave out --resume."
        )
    before, now = parts.state["options"], made_by["options"]
    names = {*before, *now}
    if not parts.state["tally"]["unusable"]:
        names.discard("on_error")
    for name in sorted(names):
        if before.get(name) != now.get(name):
            raise InputError(
                f"{parts.record}: --resume requires the options of the interrupted command, which "
                f"had {_shown(name, before.get(name))}. Received: {_shown(name, now.get(name))}."
            )


def _shown(name: str, value: Any) -> str:
    option = option_of(_NAMES.get(name, name))
    if value is None or value is False or value in ("", {}):
        return f"no {option}"
    return option if value is True else f"{option} {value}"
