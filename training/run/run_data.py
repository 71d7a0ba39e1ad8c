"""The description of a run's data, which its folder keeps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact
from keras_attention.files.schema import (
    JsonFile,
    dictionary_of,
    flag,
    format_json,
    integer,
    list_of,
    optional,
    text,
)

from ..data.data_paths import EMBEDDING_KEYS, PATH_KEYS
from ..data.data_store import digest, remembered
from ..data.pairs import Pair
from ..recipe.recipe import Recipe, load_recipe, parse_recipe
from .fingerprints import FINGERPRINT, Fingerprint, take_fingerprints
from .pair_file import read_pair_file, write_pairs
from .run_files import DATA_FILE, HELD_OUT_FILE, RECIPE_FILE

_FORMAT = 1
_DATA = JsonFile(
    "the content that `train` writes",
    {
        "recipe": text(),
        "files": dictionary_of(FINGERPRINT),
        "training": text(),
        "held_out": text(),
        "seen": list_of(integer(0)),
        "changed": optional(flag()),
    },
    _FORMAT,
)
PATHS = ("folder", *PATH_KEYS, *EMBEDDING_KEYS, "teachers")
"""Settings that may change when a run is resumed, if the files have the same content."""

PLACES = ("in_memory",)
"""Settings that choose where data is held, in memory or in files; they may always change."""


@dataclass(frozen=True)
class RunData:
    """The data that a run was started with: `data.json` and `held_out.jsonl` in the run folder.

    Attributes:
        recipe: the recipe as TOML.
        files: the fingerprint of each file, by setting, such as `data.path`.
        training: digest of the training pairs in their order.
        held_out: the held-out pairs.
        seen: indices of the held-out pairs whose source is also the source of a training pair.
        changed: whether the run was resumed with changed files.
    """

    recipe: str
    files: dict[str, Fingerprint]
    training: str
    held_out: list[Pair]
    seen: list[int] = field(default_factory=list)
    changed: bool = False

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        training: Sequence[Pair],
        held_out: list[Pair],
        replayed: Sequence[Pair] = (),
    ) -> RunData:
        """Return the description of a run's data before its first step."""
        kept = {source for source, _ in held_out}
        sources = {source for source, _ in replayed} | _seen_sources(training, kept)
        return cls(
            recipe.to_toml(),
            take_fingerprints(recipe),
            digest_pairs(training),
            held_out,
            [place for place, (source, _) in enumerate(held_out) if source in sources],
        )

    def to_files(self) -> dict[str, bytes]:
        """Return the contents of the files that `read_run_data` reads, by name."""
        held_out, sha256 = write_pairs(self.held_out)
        values = {"format": _FORMAT, **asdict(self), "held_out": sha256}
        return {HELD_OUT_FILE: held_out, DATA_FILE: format_json(values)}


def read_run_data(folder: str | os.PathLike[str]) -> RunData | None:
    """Read the description of a run's data; return `None` if an older version started the run."""
    path, pairs_path = Path(folder, DATA_FILE), Path(folder, HELD_OUT_FILE)
    if not path.exists():
        return None
    values = _DATA.parse(read_artefact(path, largest=LARGEST_MODEL), str(path))
    held_out = read_pair_file(pairs_path, values["held_out"], "the held-out pairs")
    if any(place >= len(held_out) for place in values["seen"]):
        raise InputError(
            f"{path}: damaged, expected indices below {len(held_out)}, the number of held-out "
            f"pairs, in `seen`. Received: {max(values['seen'])}."
        )
    known = {item.name: values[item.name] for item in fields(RunData) if item.name in values}
    files = {key: Fingerprint(**value) for key, value in values["files"].items()}
    return RunData(**{**known, "files": files, "held_out": held_out})


def load_run_recipe(folder: str | os.PathLike[str]) -> Recipe:
    """Load the recipe of a run folder, and check that it has not changed since the start.

    The number of epochs and the paths of files may have changed.
    """
    path, data = Path(folder, RECIPE_FILE), read_run_data(folder)
    recipe = load_recipe(path)
    if data is None:
        return recipe
    started = parse_recipe(data.recipe, Path(folder, DATA_FILE))
    for name, old, new in changed_lines(started, recipe):
        if name not in ("epochs", *PATHS, *PLACES):
            raise InputError(
                f"{path}: expected the recipe that the run was started with, which has `{old}`. "
                f"Received: `{new}`."
            )
    return recipe


def changed_lines(before: Recipe, now: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each setting that differs in two recipes, and its line in both."""
    for old, new in zip(*(each.to_toml().splitlines() for each in (before, now)), strict=True):
        if old != new:
            yield old.partition(" = ")[0], old, new


def digest_pairs(pairs: Sequence[Pair]) -> str:
    """Return the sha256 digest of pairs in their order, in hexadecimal."""

    def compute() -> str:
        found = hashlib.sha256()
        for source, target in pairs:
            found.update(f"{len(source)} {source}\t{len(target)} {target}\n".encode())
        return found.hexdigest()

    return remembered(pairs, "digest", {}, compute)


def _seen_sources(training: Sequence[Pair], kept: Collection[str]) -> set[str]:
    """Return the sources of training pairs that are also held out."""

    def find() -> str:
        return json.dumps(sorted({source for source, _ in training if source in kept}))

    origin = {"held_out": json.dumps(sorted(kept))}
    return set(json.loads(remembered(training, "seen", {"held_out": digest(origin)}, find)))
