"""The run folder of each process of a distributed run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_attention.errors import InputError

from ..processes.devices import process_index
from .run_files import TRAIN_LOCK
from .run_folder import RunFolder


@contextmanager
def own_run(run: RunFolder, *, resume: bool) -> Iterator[RunFolder]:
    """Yield the run folder of this process: `run` for the first, a temporary one for all others.

    All processes do the same work, but only what the first one writes is kept.

    Args:
        run: the run folder.
        resume: whether the run in `run` is continued. Each process except the first then starts
            from a copy of that folder.
    """
    if process_index() == 0:
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="keras-attention-") as folder:
        copy = RunFolder(Path(folder, run.path.name))
        if resume:
            if not run.recipe_file.is_file():
                raise InputError(
                    f"{run.path}: process {process_index()} finds no run there; --resume requires "
                    "a run folder that all processes can read."
                )
            shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns(TRAIN_LOCK))
        yield copy
