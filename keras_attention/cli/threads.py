"""Limits TensorFlow's threads to the CPU quota of a container."""

import math
from collections.abc import MutableMapping
from pathlib import Path

from keras_attention.child_processes import count_cores

_VARIABLES = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_GROUP = Path("/sys/fs/cgroup")


def limit_threads(environment: MutableMapping[str, str], group: Path = _GROUP) -> None:
    """Limit TensorFlow's threads to the CPU quota, such as the quota of `docker run --cpus`.

    TensorFlow starts a thread for each core that it may run on, whatever the quota is. More threads
    than the quota allows would be throttled most of the time. Variables that are already set keep
    their values.
    """
    quota = _quota(group)
    if quota is not None and quota < count_cores():
        for name in _VARIABLES:
            environment.setdefault(name, str(quota))


def _quota(group: Path) -> int | None:
    """Return the CPU quota in cores, rounded up; None if there is no limit."""
    try:
        if (group / "cpu.max").is_file():
            time, period = (group / "cpu.max").read_text().split()
        else:
            names = "cpu.cfs_quota_us", "cpu.cfs_period_us"
            time, period = ((group / "cpu" / name).read_text() for name in names)
        # Without a limit, the value is "max" in version 2 and -1 in version 1.
        return math.ceil(int(time) / int(period)) if int(time) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
