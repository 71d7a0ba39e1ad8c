"""The process of one run of a comparison; `jobs.py` starts it and describes the run on stdin."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.lean_imports import import_lean

UNUSABLE_INPUT = 2
"""The exit code of a run whose recipe or data cannot be used."""


def main() -> None:
    """Complete a run and exit with 0, or print the reason as the last line and exit with 2."""
    import_lean()
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("keras_attention").setLevel(logging.INFO)
    try:
        _complete(job)
    except (InputError, OSError) as error:
        print("error: " + " ".join(str(error).split()))
        sys.exit(UNUSABLE_INPUT)


def _complete(job: dict[str, Any]) -> None:
    from ..recipe.recipe import load_recipe
    from .comparison import Run
    from .run_results import complete_run

    run = Run(job["label"], load_recipe(job["recipe"]), Path(job["folder"]))
    complete_run(run, job["lengths"], jobs=job["jobs"])


def _end_with_parent() -> None:
    """End this process when its parent ends, which closes the pipe and so ends the read."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
