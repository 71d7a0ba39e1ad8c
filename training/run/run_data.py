"""The data that a run was started with: fingerprints of its files, and its held-out pairs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.artefacts import LARGEST_MODEL, checksum_of, read_artefact
from keras_attention.files.schema import (
    JsonFile,
    Kind,
    dictionary_of,
    flag,
    integer,
    list_of,
    optional,
    parse_json,
    text,
)

from ..data.data_paths import EMBEDDING_KEYS, PATH_KEYS, find_file
from ..data.pairs import Pair, read_pairs, split_pairs
from ..recipe.recipe import Recipe, load_recipe, parse_recipe
from .run_files import DATA_FILE, HELD_OUT_FILE, RECIPE_FILE

_FORMAT = 1
FINGERPRINT = Kind(
    "the path, size and sha256 of a file",
    lambda value: (
        isinstance(value, dict)
        and {key: type(item) for key, item in value.items()}
        == {"path": str, "size": int, "sha256": str}
    ),
)
_DATA = JsonFile(
    "what `train` writes",
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
_PAIRS = "a source and a target on every line"
_FREE = ("epochs", "folder", *PATH_KEYS, *EMBEDDING_KEYS)
"""Settings that may differ from those of the start; of files, the content must be the same."""


@dataclass(frozen=True)
class Fingerprint:
    """The path, size and digest of a file, which show whether it has changed.

    Attributes:
        path: where the file was.
        size: its bytes.
        sha256: their digest, in hexadecimal.
    """

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Fingerprint:
        """Read a file.

        Raises:
            InputError: If it cannot be read.
        """
        sha256 = checksum_of(Path(path))
        return cls(os.fspath(path), os.path.getsize(path), sha256)

    def matches(self, path: str) -> bool:
        """Return whether a file has the same content; it is only read if its size is the same."""
        found = os.stat(path)
        if found.st_size != self.size:
            return False
        return _sha256(path, found.st_mtime_ns, found.st_ino) == self.sha256


@dataclass(frozen=True)
class RunData:
    """The data that a run was started with: `data.json` and `held_out.jsonl` in the run folder.

    Attributes:
        recipe: the recipe, as TOML.
        files: a fingerprint for the setting of each file, such as `data.path`.
        training: digest of the training pairs in their order.
        held_out: the held-out pairs.
        seen: places of the held-out pairs whose source is a source of training too.
        changed: whether the run was resumed with other files than it was started with.
    """

    recipe: str
    files: dict[str, Fingerprint]
    training: str
    held_out: list[Pair]
    seen: list[int] = field(default_factory=list)
    changed: bool = False

    @classmethod
    def of(cls, recipe: Recipe, training: Sequence[Pair], held_out: list[Pair]) -> RunData:
        """Describe a run before its first step.

        Args:
            recipe: What is trained.
            training: The pairs to train on.
            held_out: The pairs held out.
        """
        sources = {source for source, _ in training}
        return cls(
            recipe.to_toml(),
            {key: Fingerprint.of(path) for key, path in _existing_files(recipe).items()},
            _digest(training),
            held_out,
            [place for place, (source, _) in enumerate(held_out) if source in sources],
        )

    def to_files(self) -> dict[str, bytes]:
        """Return the names and the contents of the files that `read_run_data` reads."""
        lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in self.held_out)
        held_out = "".join(lines).encode()
        values = {"format": _FORMAT, **asdict(self)}
        values["held_out"] = hashlib.sha256(held_out).hexdigest()
        content = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
        return {HELD_OUT_FILE: held_out, DATA_FILE: content.encode()}


def changed_file(
    recipe: Recipe, files: Mapping[str, Fingerprint], keys: Container[str] | None = None
) -> str:
    """Return the path of a file that has another content than it had, or "" if none has.

    A file that is missing has not changed.

    Args:
        recipe: The recipe, whose paths may be others than at the start.
        files: A fingerprint for the setting of each file.
        keys: Settings to look at; default all.
    """
    for key, path in _existing_files(recipe).items():
        known = files.get(key)
        if (keys is None or key in keys) and not (known and known.matches(path)):
            return path
    return ""


@dataclass(frozen=True)
class HeldOut:
    """The pairs that a run holds out.

    Attributes:
        pairs: sources and targets.
        seen: those of their sources that are sources of training too.
        note: a sentence for the user about the pairs, or "".
    """

    pairs: list[Pair]
    seen: set[str]
    note: str = ""


def read_held_out(folder: str | os.PathLike[str], recipe: Recipe | None = None) -> HeldOut:
    """Return the pairs that a run holds out, even if its files have changed.

    A folder of an older version does not store them, so they are drawn from the files again.

    Args:
        folder: The run folder.
        recipe: Its recipe; default the one in the folder.

    Raises:
        InputError: If a file of the run folder is damaged, or the pairs cannot be drawn again.
    """
    data = read_run_data(folder)
    recipe = load_run_recipe(folder) if recipe is None else recipe
    if data is None:
        training, pairs = split_pairs(recipe.data, recipe.seed)
        kept = {source for source, _ in pairs}
        note = (
            f"{os.fspath(folder)}: this run has no {DATA_FILE}, so its held-out pairs are drawn "
            "again from the data as it is now."
        )
        return HeldOut(pairs, {source for source, _ in training} & kept, note)
    seen = {data.held_out[place][0] for place in data.seen}
    changed = changed_file(recipe, data.files, [f"data.{key}" for key in PATH_KEYS[:4]])
    note = (
        f"{changed}: changed since the run was started; the pairs are those that it held out then."
    )
    return HeldOut(data.held_out, seen, note if changed else "")


def read_run_data(folder: str | os.PathLike[str]) -> RunData | None:
    """Read the data that a run was started with; return `None` if an older version started it.

    Args:
        folder: The run folder.

    Raises:
        InputError: If a file is damaged, or not the one that was written.
    """
    path, pairs_path = Path(folder, DATA_FILE), Path(folder, HELD_OUT_FILE)
    if not path.exists():
        return None
    values = _DATA.parse(read_artefact(path, largest=LARGEST_MODEL), str(path))
    pairs = read_artefact(pairs_path, largest=LARGEST_MODEL)
    if hashlib.sha256(pairs).hexdigest() != values["held_out"]:
        raise InputError(
            f"{pairs_path}: expected the pairs that the run was started with. Received: others."
        )
    held_out = [_pair(line, pairs_path) for line in _lines(pairs, pairs_path)]
    if any(place >= len(held_out) for place in values["seen"]):
        raise InputError(f"{path}: damaged, expected places of held-out pairs in `seen`.")
    known = {item.name: values[item.name] for item in fields(RunData) if item.name in values}
    files = {key: Fingerprint(**value) for key, value in values["files"].items()}
    return RunData(**{**known, "files": files, "held_out": held_out})


def load_run_recipe(folder: str | os.PathLike[str]) -> Recipe:
    """Read the recipe of a run folder, and check that it has not changed since the start.

    The number of epochs and the paths of files may have changed.

    Args:
        folder: The run folder.

    Raises:
        InputError: If there is no recipe, or it has changed.
    """
    path, data = Path(folder, RECIPE_FILE), read_run_data(folder)
    recipe = load_recipe(path)
    if data is None:
        return recipe
    started = parse_recipe(data.recipe, Path(folder, DATA_FILE))
    pairs = zip(started.to_toml().splitlines(), recipe.to_toml().splitlines(), strict=True)
    for old, new in pairs:
        if old != new and old.partition(" = ")[0] not in _FREE:
            raise InputError(
                f"{path}: expected the recipe that the run was started with, with `{old}`. "
                f"Received: `{new}`."
            )
    return recipe


def is_free(line: str) -> bool:
    """Return whether a line of a recipe names a file, or the folder where files are."""
    return line.partition(" = ")[0] in _FREE[1:]


def split_again(
    recipe: Recipe, data: RunData, *, accept_changes: bool, with_embeddings: bool
) -> tuple[list[Pair], RunData]:
    """Return the training pairs of a resumed run, and its data as it is now.

    Args:
        recipe: The recipe.
        data: What the run was started with.
        accept_changes: Whether files may have changed. The held-out pairs stay, and are removed
            from the training pairs.
        with_embeddings: Whether the embeddings' files are read again.

    Raises:
        InputError: If a file has changed and must not, or cannot be used.
    """
    keys = [f"data.{key}" for key in PATH_KEYS]
    keys += [f"model.{key}" for key in EMBEDDING_KEYS] if with_embeddings else []
    changed = changed_file(recipe, data.files, keys)
    if changed and not accept_changes:
        raise _other_data(changed)
    if not changed:
        training = _split_as_before(recipe, data)
        if training is not None:
            return training, data
        if not accept_changes:
            raise _other_data(f"the pairs of data.format={recipe.data.format!r}")
    _check_changes(recipe)
    training = _without(read_pairs(recipe.data, recipe.seed), data.held_out)
    now = RunData.of(recipe, training, data.held_out)
    seen = sorted({*data.seen, *now.seen})
    return training, replace(now, files={**data.files, **now.files}, seen=seen, changed=True)


def _split_as_before(recipe: Recipe, data: RunData) -> list[Pair] | None:
    """Return the training pairs, or `None` if they or the held-out pairs have changed."""
    if data.changed:
        training = _without(read_pairs(recipe.data, recipe.seed), data.held_out)
        same = True
    else:
        training, held_out = split_pairs(recipe.data, recipe.seed)
        same = held_out == data.held_out
    return training if same and _digest(training) == data.training else None


def _other_data(what: str) -> InputError:
    return InputError(
        f"{what}: changed since the run was started; put the old data back, start a new run in "
        "another folder, or continue with the new data by `train --resume --changed-data`, which "
        "keeps the tokenizers and the held-out pairs."
    )


def _check_changes(recipe: Recipe) -> None:
    """Refuse other pairs where another setting depends on the old ones."""
    if recipe.training.schedule == "cosine":
        raise InputError(
            "--changed-data needs another schedule than 'cosine', which ends with the last step "
            "of the old data. Received: training.schedule='cosine'."
        )
    if recipe.training.guided_alignment and recipe.data.alignment_path:
        raise InputError(
            "--changed-data cannot tell which lines of data.alignment_path belong to the training "
            "pairs that are left; start a new run. "
            f"Received: data.alignment_path={recipe.data.alignment_path!r}."
        )


def _without(pairs: Sequence[Pair], held_out: Sequence[Pair]) -> list[Pair]:
    kept = set(held_out)
    left = [pair for pair in pairs if pair not in kept]
    if not left:
        raise InputError(
            "expected training pairs beside the held-out ones. Received: the same pairs."
        )
    return left


def _existing_files(recipe: Recipe) -> dict[str, str]:
    """Return the path for the setting of each file that there is."""
    paths = {f"model.{key}": getattr(recipe.model, key) for key in EMBEDDING_KEYS}
    for key in PATH_KEYS:
        if key == "alignment_path" and not recipe.training.guided_alignment:
            continue
        try:
            paths[f"data.{key}"] = find_file(recipe.data, key)
        except InputError:  # the folder is missing, for one
            continue
    return {key: path for key, path in paths.items() if path and os.path.isfile(path)}


@lru_cache(maxsize=64)
def _sha256(path: str, changed: int, number: int) -> str:
    """Return the digest of a file, cached by its time and inode number: runs may share a file."""
    return checksum_of(Path(path))


def _digest(pairs: Iterable[Pair]) -> str:
    digest = hashlib.sha256()
    for source, target in pairs:
        digest.update(f"{len(source)} {source}\t{len(target)} {target}\n".encode())
    return digest.hexdigest()


def _pair(line: str, path: Path) -> Pair:
    pair = parse_json(line, str(path), _PAIRS)
    if not (list_of(text()).fits(pair) and len(pair) == 2):
        raise InputError(f"{path}: damaged, expected {_PAIRS}. Received: another line.")
    return pair[0], pair[1]


def _lines(content: bytes, path: Path) -> list[str]:
    try:
        return [line for line in content.decode().split("\n") if line]
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: damaged, expected {_PAIRS}. Received: bytes that are not UTF-8."
        ) from None
