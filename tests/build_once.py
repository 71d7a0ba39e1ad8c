"""Build an expensive file or folder once per test run, and share it between workers and files."""

import os
import shutil

from filelock import FileLock


def shared_folder(tmp_path_factory):
    """Return a folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker's folder is inside the run's
    folder = base / "built_once"
    folder.mkdir(exist_ok=True)
    return folder


def build_once(root, name, build):
    """Return the folder `root/name`; the first caller fills it with `build(folder)`.

    Other callers wait until it is filled. If a build fails, the next caller builds it again.
    """
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder
