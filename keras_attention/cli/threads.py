"""How many threads TensorFlow may use: no more than a container's quota of processor time."""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

_VARIABLES = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_GROUP = Path("/sys/fs/cgroup")


def limit_threads(environment: MutableMapping[str, str], group: Path = _GROUP) -> None:
    """Tells TensorFlow the quota, as `docker run --cpus` sets it, before it is imported.

    TensorFlow counts the cores that it may be scheduled on, which a quota does not change: with as
    many threads all would stand still for most of the time. What was set before stays.

    Args:
        environment: the process's.
        group: the folder of its control group, of version 2 or 1.
    """
    quota = _quota(group)
    if quota is not None and quota < _cores():
        for name in _VARIABLES:
            environment.setdefault(name, str(quota))


def _quota(group: Path) -> int | None:
    """Cores' worth of processor time, rounded up; None where there is no limit."""
    try:
        if (group / "cpu.max").is_file():
            time, period = (group / "cpu.max").read_text().split()
        else:
            names = "cpu.cfs_quota_us", "cpu.cfs_period_us"
            time, period = ((group / "cpu" / name).read_text() for name in names)
        # "max" in version 2 and -1 in version 1 are no limit.
        return math.ceil(int(time) / int(period)) if int(time) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
