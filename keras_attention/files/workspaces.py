"""Workspaces: hidden folders in which files are written before they replace their targets."""

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
"""The folder that the target replaces is moved into the workspace under this name."""

_MARK = ".unfinished-"
_WORKSPACE = re.compile(rf"\..+{re.escape(_MARK)}[a-z0-9_]{{8}}", re.DOTALL)
_NAME_BYTES = 100


@contextmanager
def make_workspace(target: Path) -> Iterator[Path]:
    """Create a workspace next to a target, and remove it with its content after the block.

    The process holds a lock on the workspace. The operating system releases the lock when the
    process dies, so the next writer of the same target recognises an abandoned workspace.

    Raises:
        OSError: If the workspace cannot be created.
    """
    clear_abandoned(target)
    while True:
        workspace = Path(tempfile.mkdtemp(prefix=_prefix(target.name), dir=target.parent))
        lock = _lock(workspace, wait=True)
        if workspace.exists():
            break
        _close(lock)  # another process removed the workspace before it was locked
    try:
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        _close(lock)


def clear_abandoned(target: Path) -> None:
    """Remove the workspaces that dead processes left for a target, and restore its old folder.

    If a process dies after it has moved the old folder aside and before it has moved the new folder
    to its place, the target is missing. On systems without file locks nothing is removed.
    """
    for workspace in _find(target.parent):
        if not workspace.name.startswith(_prefix(target.name)):
            continue
        lock = _lock(workspace, wait=False)
        if lock is None:
            continue
        replaced = workspace / REPLACED
        with suppress(OSError):  # for example, a read-only folder
            if replaced.exists() and not target.exists():
                replaced.rename(target)
            shutil.rmtree(workspace, ignore_errors=True)
        _close(lock)


def put_back_replaced(folder: Path) -> None:
    """Restore the folders that dead processes moved aside and did not replace."""
    for workspace in _find(folder):
        target = folder / workspace.name[1:].rpartition(_MARK)[0]
        if (workspace / REPLACED).exists() and not target.exists():
            clear_abandoned(target)


def find_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the workspaces that killed processes left in a folder.

    Two kinds of workspaces are not returned: those that a running process has locked, if the
    system has file locks; and those that contain a replaced folder, because that may be the only
    copy of its files.
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
    """Return the prefix of a target's workspace names: the target's name, shortened if long."""
    encoded = os.fsencode(name)
    if len(encoded) > _NAME_BYTES:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        name = f"{encoded[:_NAME_BYTES].decode('utf-8', 'ignore')}-{digest}"
    return f".{name}{_MARK}"


def _lock(workspace: Path, *, wait: bool) -> int | None:
    """Lock a workspace and return the descriptor that holds the lock, or None if that fails."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(workspace, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked by a running process, or a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
