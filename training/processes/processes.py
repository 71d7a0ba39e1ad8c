"""Connects the processes of a distributed run, and reports in each if another has failed."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_attention.errors import InputError

from .devices import process_count, process_index

_logger = logging.getLogger(__name__)

CONNECT_SECONDS = 300
"""Seconds to wait for the other processes to start; JAX's default."""

HEARTBEAT_SECONDS = 30
"""Seconds without a sign of life after which JAX considers a process dead."""

_LOST = re.compile("gloo|nccl|connection (closed|reset|refused)|coordination service", re.I)


def start_processes(
    coordinator: str | None = None, processes: int | None = None, process: int | None = None
) -> None:
    """Connect to the other processes, and divide every batch among all their devices.

    Call it once in each process, before anything is computed. Without arguments, JAX finds the
    processes in the variables that SLURM, Open MPI or the host of a TPU sets. If there are none,
    batches are divided among the devices of this process.

    Args:
        coordinator: host and port of the first process, such as "10.0.0.1:12345". A list with
            commas is accepted, as in Keras, but only its first address is used.
        processes: number of processes.
        process: number of this process, from 0.

    Raises:
        InputError: if the backend is not JAX, only some of the arguments are given, an argument is
            out of its range, the other processes do not connect, or there is only one device.
    """
    given = {"coordinator": coordinator, "processes": processes, "process": process}
    if keras.backend.backend() != "jax":
        raise InputError(
            "training in several processes requires KERAS_BACKEND=jax; on TensorFlow, use "
            "tf.distribute in Python. Received: KERAS_BACKEND="
            f"{keras.backend.backend()}."
        )
    _check(given)
    if coordinator is not None:
        coordinator = coordinator.partition(",")[0]
    _connect(coordinator, processes, process)
    import jax

    if jax.device_count() == 1:
        raise InputError(
            "expected several processes or devices to divide batches among. Received: one process "
            "with one device, and no variables of SLURM, Open MPI or a TPU that name others."
        )
    keras.utils.set_random_seed(0)  # all processes draw the same numbers when they load models
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def _check(given: Mapping[str, Any]) -> None:
    received = ", ".join(f"{name}={value}" for name, value in given.items())
    if len({value is None for value in given.values()}) > 1:
        raise InputError(
            "expected all of coordinator, processes and process, or none of them. "
            f"Received: {received}."
        )
    if given["coordinator"] is None:
        return
    found = re.match(r"[^,]+:(\d{1,5})(,|$)", given["coordinator"])
    if not (found and 0 < int(found[1]) < 2**16):
        raise InputError(
            "coordinator must have the form HOST:PORT, with a port from 1 to 65535. "
            f"Received: {received}."
        )
    if not 0 <= given["process"] < given["processes"]:
        raise InputError(
            f"process must be at least 0 and below the number of processes. Received: {received}."
        )


def _connect(coordinator: str | None, processes: int | None, process: int | None) -> None:
    import jax

    if coordinator is not None:
        _logger.info("process %s of %s: connecting to %s", process, processes, coordinator)
        if process:
            _wait_for(coordinator)
    # JAX's service would replace the handler of SIGTERM, and no longer let it stop this process.
    config: Any = jax.config
    config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            coordinator, processes, process, heartbeat_timeout_seconds=HEARTBEAT_SECONDS
        )
    except ValueError:
        if coordinator is not None:
            raise
        # There is no variable from which JAX could find the processes.
    except RuntimeError as error:
        raise InputError(
            f"process {process} of {processes} could not connect to the others at {coordinator}. "
            f"Received: {error}."
        ) from None


def _wait_for(coordinator: str) -> None:
    """Wait until the first process accepts connections; JAX would abort with a core dump."""
    host, _, port = coordinator.rpartition(":")
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"the first process could not be reached at {coordinator} within "
                    f"{CONNECT_SECONDS} seconds. Received: {error}."
                ) from None
        time.sleep(1)


@contextmanager
def agree() -> Iterator[None]:
    """Wait for all processes at the end of the block, and fail if the block failed in another.

    The block must not create variables or compute with them, because that may wait for the other
    processes too.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        _gather(True)
        raise
    if np.any(_gather(False)):
        raise InputError(
            f"process {process_index()} of {process_count()}: another process could not start to "
            "train; see its error."
        )


def _gather(failed: bool) -> Any:
    if process_count() == 1:
        return failed
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.asarray(failed))


def of_first_process(values: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers of the first process, so that all processes make the same decisions."""
    if process_count() == 1:
        return dict(values)
    from jax.experimental import multihost_utils

    # JAX would round float64 to float32.
    bits = np.asarray([*values.values()], "float64").view("uint32")
    shared = np.asarray(multihost_utils.broadcast_one_to_all(bits)).view("float64")
    return dict(zip(values, map(float, shared), strict=True))


@contextmanager
def report_lost_process() -> Iterator[None]:
    """Report in one sentence that the connection to another process was lost."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if isinstance(error, InputError) or process_count() == 1 or not _LOST.search(str(error)):
            raise
        first_line = str(error).partition("\n")[0]
        raise InputError(f"{describe_loss()} Received: {first_line}.") from None


def leave_processes() -> None:
    """Wait until all processes have trained, and disconnect from them."""
    import jax

    distributed: Any = jax.distributed
    with report_lost_process():
        distributed.shutdown()


def describe_loss() -> str:
    """Return the sentence with which a process reports that another one has stopped."""
    return (
        f"process {process_index()} of {process_count()}: another process has stopped; see its "
        "output, and continue the run with --resume, with any number of processes."
    )
