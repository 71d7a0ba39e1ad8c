"""The origin of a run: its precision and, if it is fine-tuned, the model that it started from."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_attention.files.artefacts import read_artefact
from keras_attention.files.schema import JsonFile, format_json, optional, text

from ..assembly.precision import NAMES, RunPrecision
from ..data.pairs import Pair
from .fingerprints import FINGERPRINT, Fingerprint
from .pair_file import read_pair_file, write_pairs
from .run_files import ORIGIN_FILE, REPLAY_FILE

_FORMAT = 1
_ORIGIN = JsonFile(
    "the content that `train` writes",
    {
        "precision": text(NAMES),
        "reason": text(),
        "model": optional(FINGERPRINT),
        "replayed": optional(text()),
    },
    _FORMAT,
)


@dataclass(frozen=True)
class Origin:
    """The precision of a run and the model that it started from: `origin.json` in its folder.

    Attributes:
        precision: the number format that the run computes in.
        model: the fingerprint of the model that it was fine-tuned from, if any.
        replayed: the pairs of that model's run that it trains on too; stored in `replay.jsonl`.
    """

    precision: RunPrecision
    model: Fingerprint | None = None
    replayed: list[Pair] = field(default_factory=list)

    def to_files(self) -> dict[str, bytes]:
        """Return the contents of the files that `read_origin` reads, by name."""
        name, reason = self.precision
        values: dict[str, Any] = {"format": _FORMAT, "precision": name, "reason": reason}
        files = {}
        if self.model is not None:
            values["model"] = asdict(self.model)
        if self.replayed:
            files[REPLAY_FILE], values["replayed"] = write_pairs(self.replayed)
        return {**files, ORIGIN_FILE: format_json(values)}


def read_origin(folder: str | os.PathLike[str]) -> Origin | None:
    """Read the origin of a run; return `None` if an older version started it."""
    path = Path(folder, ORIGIN_FILE)
    if not path.exists():
        return None
    values = _ORIGIN.parse(read_artefact(path), str(path))
    model = values.get("model")
    return Origin(
        RunPrecision(values["precision"], values["reason"]),
        Fingerprint(**model) if model is not None else None,
        read_pair_file(Path(folder, REPLAY_FILE), values["replayed"], "the pairs")
        if "replayed" in values
        else [],
    )


def is_fine_tuned(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder has a run that was fine-tuned from a trained model."""
    origin = read_origin(folder)
    return origin is not None and origin.model is not None
