"""The record of a distillation: everything that determines the teachers' outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import read_artefact
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.schema import (
    JsonFile,
    flag,
    format_json,
    integer,
    list_of,
    optional,
    text,
)
from keras_attention.translation.folders.ensemble_folder import model_files

from ..data.pairs import Pair
from ..run.fingerprints import FINGERPRINT, Fingerprint
from ..run.run_data import digest_pairs
from ..run.run_files import DISTILLATION_FILE

_FORMAT = 1
_RECORD = JsonFile(
    "the content that `distill` writes",
    {
        "teachers": list_of(FINGERPRINT),
        "beam_width": integer(1),
        "nearest": flag(),
        "with_pairs": flag(),
        "pairs": integer(1),
        "training": text(),
        "held_out": text(),
        "sources": optional(integer(0)),
        "sources_digest": optional(text()),
    },
    _FORMAT,
)
_ADVICE = "use the original one again, or start a new distillation in another folder"


@dataclass(frozen=True)
class DistillOptions:
    """The options that decide how the teachers' outputs become training pairs.

    Attributes:
        beam_width: beam width of the teachers' search.
        nearest: whether to use the hypothesis nearest to the target instead of the best one, if
            there is a target.
        with_pairs: whether to train on the original pairs too.
    """

    beam_width: int
    nearest: bool = False
    with_pairs: bool = False

    def __post_init__(self) -> None:
        """Check that there is a choice of hypotheses."""
        if self.nearest and self.beam_width < 2:
            raise InputError(
                "--nearest chooses among the hypotheses of a beam and requires --beam 2 or more. "
                f"Received: --beam {self.beam_width}."
            )


@dataclass(frozen=True)
class Distillation(DistillOptions):
    """The record of a distillation: `distillation.json` in the run folder.

    Attributes:
        teachers: the fingerprint of each teacher's model, and of each member of an ensemble.
        pairs: number of pairs whose sources the teachers translate.
        training: digest of these pairs.
        held_out: digest of the recipe's held-out pairs.
        sources: number of sources without targets that the teachers translate too.
        sources_digest: digest of these sources, or "" if there are none.
    """

    teachers: tuple[Fingerprint, ...] = ()
    pairs: int = 0
    training: str = ""
    held_out: str = ""
    sources: int = 0
    sources_digest: str = ""

    @classmethod
    def of(
        cls,
        options: DistillOptions,
        teachers: Sequence[str | os.PathLike[str]],
        training: Sequence[Pair],
        held_out: Sequence[Pair],
        sources: Sequence[str] = (),
    ) -> Distillation:
        """Return the record of a distillation before it starts."""
        return cls(
            **asdict(options),
            teachers=tuple(
                Fingerprint.of(os.path.abspath(file))
                for path in teachers
                for file in model_files(Path(path))
            ),
            pairs=len(training),
            training=digest_pairs(training),
            held_out=digest_pairs(held_out),
            sources=len(sources),
            sources_digest=digest_pairs([(source, "") for source in sources]) if sources else "",
        )

    @classmethod
    def read(cls, folder: Path) -> Distillation:
        """Read the record in a run folder."""
        path = folder / DISTILLATION_FILE
        values = _RECORD.parse(read_artefact(path), str(path))
        teachers = tuple(Fingerprint(**value) for value in values["teachers"])
        known = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        return cls(**{**known, "teachers": teachers})

    def save(self, folder: Path) -> None:
        """Write the record into a run folder, whole or not at all."""
        content = format_json({"format": _FORMAT, **asdict(self)})
        write_file(folder / DISTILLATION_FILE, content)

    def check_same(self, now: Distillation, folder: Path) -> None:
        """Check that a continued distillation has the same teachers, data and options.

        A teacher may have moved.
        """
        path, old, new = folder / DISTILLATION_FILE, self._compared(), now._compared()
        if old["number of teachers"] == new["number of teachers"]:
            for before, after in zip(self.teachers, now.teachers, strict=True):
                if before.sha256 != after.sha256:
                    raise InputError(
                        f"{after.path}: expected the teacher that the distillation in {folder} was "
                        f"started with, {before.path}. Received: a model with different weights; "
                        f"{_ADVICE}."
                    )
        for name, value in old.items():
            if new[name] != value:
                raise InputError(
                    f"{path}: the distillation was started with a different {name}; {_ADVICE}. "
                    f"Expected: {value}. Received: {new[name]}."
                )

    def _compared(self) -> Mapping[str, object]:
        return {
            "number of teachers": len(self.teachers),
            "--beam": self.beam_width,
            "--nearest": self.nearest,
            "--with-pairs": self.with_pairs,
            "number of training pairs": self.pairs,
            "set of training pairs": self.training,
            "set of held-out pairs": self.held_out,
            "number of sources in --sources": self.sources,
            "set of sources in --sources": self.sources_digest,
        }
