"""The environment of processes that share this machine: a run, or a worker of a command."""

from __future__ import annotations

import os
from collections.abc import Mapping

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def child_environment(environment: Mapping[str, str], processes: int) -> dict[str, str]:
    """Return the environment variables of a process that shares the machine with others.

    Args:
        environment: the environment of this process.
        processes: number of processes that run at the same time.

    Returns:
        The environment, with an equal share of TensorFlow's threads if there are several processes.
        GPU memory is allocated only when it is needed.

    Example:
        >>> made = child_environment({"TF_NUM_INTRAOP_THREADS": "8"}, 3)
        >>> made["TF_NUM_INTRAOP_THREADS"], made["OMP_NUM_THREADS"]
        ('2', '2')
    """
    made = {
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **environment,
    }
    if processes > 1:
        threads = int(environment.get(_THREADS[0]) or count_cores())
        made.update(dict.fromkeys(_THREADS, str(max(1, threads // processes))))
    return made


def count_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
