"""Hidden folders in which files are written before they are put in place."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

REPLACED = "replaced"
"""The name, in a workspace, of the folder that was at the target before."""

_MARK = ".unfinished-"
_WORKSPACE = re.compile(rf"\..+{re.escape(_MARK)}[a-z0-9_]{{8}}", re.DOTALL)
_NAME_BYTES = 100


@contextmanager
def make_workspace(target: Path) -> Iterator[Path]:
    """Make a workspace beside a target, and remove it with all that is in it.

    The process holds a lock on the workspace, which the system releases when the process dies, so
    that the next writer of the same target can tell what a dead one left.

    Args:
        target: The file or folder that is written; its parent exists.

    Raises:
        OSError: If the workspace cannot be made.
    """
    clear_abandoned(target)
    while True:
        workspace = Path(tempfile.mkdtemp(prefix=_prefix(target.name), dir=target.parent))
        lock = _lock(workspace, wait=True)
        if workspace.exists():
            break
        _close(lock)  # another process took it for abandoned before it was locked
    try:
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        _close(lock)


def clear_abandoned(target: Path) -> None:
    """Remove what dead processes left of one target, and put back a folder that they moved aside.

    A process that dies between moving the old folder aside and moving the new one in leaves no
    folder. On systems without file locks nothing is removed.

    Args:
        target: The file or folder; it need not exist.
    """
    for workspace in _find(target.parent):
        if not workspace.name.startswith(_prefix(target.name)):
            continue
        lock = _lock(workspace, wait=False)
        if lock is None:
            continue
        replaced = workspace / REPLACED
        with suppress(OSError):  # a folder that cannot be written, perhaps
            if replaced.exists() and not target.exists():
                replaced.rename(target)
            shutil.rmtree(workspace, ignore_errors=True)
        _close(lock)


def put_back_replaced(folder: Path) -> None:
    """Put back the folders that dead processes moved aside, and could not replace.

    Args:
        folder: The folder that held them; it need not exist.
    """
    for workspace in _find(folder):
        target = folder / workspace.name[1:].rpartition(_MARK)[0]
        if (workspace / REPLACED).exists() and not target.exists():
            clear_abandoned(target)


def find_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Return what killed writers have left in a folder.

    What a living writer holds is left out, where the system has file locks; so is a workspace that
    holds what was to be replaced: it may be the only copy.

    Args:
        folder: Where `write_atomically` put files; it need not exist.
    """
    left = [path for path in _find(Path(folder)) if not (path / REPLACED).exists()]
    return sorted(path for path in left if not _is_held(path))


def _is_held(workspace: Path) -> bool:
    lock = _lock(workspace, wait=False)
    _close(lock)
    return fcntl is not None and lock is None


def _find(folder: Path) -> list[Path]:
    hidden = [path for path in folder.glob(".*") if _WORKSPACE.fullmatch(path.name)]
    return [path for path in hidden if path.is_dir()]


def _prefix(name: str) -> str:
    """Return what the names of a target's workspaces begin with: its name, cut where it is long."""
    encoded = os.fsencode(name)
    if len(encoded) > _NAME_BYTES:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        name = f"{encoded[:_NAME_BYTES].decode('utf-8', 'ignore')}-{digest}"
    return f".{name}{_MARK}"


def _lock(workspace: Path, *, wait: bool) -> int | None:
    """Return a descriptor that holds the workspace's lock; None if it cannot be had."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(workspace, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a living process, or a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
