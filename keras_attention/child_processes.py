"""Processes that share this machine: their environment, and workers that answer requests."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO, Any, Generic, TypeVar, cast

from keras_attention.errors import InputError

_GRACE = 10.0
"""Number of seconds in which a process must end after it has closed a pipe."""

Answer = TypeVar("Answer")

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def child_environment(environment: Mapping[str, str], processes: int) -> dict[str, str]:
    """Return the environment variables of a process that shares the machine with others.

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


class WorkerProcess:
    """A process that answers requests, which are pickled because both ends are our own processes.

    The process is in a session of its own, so Ctrl-C does not reach it. It ends when its input is
    closed; this also happens when the process that started it dies.

    Args:
        command: the program and its arguments; it reads requests with `RequestPipes`.
        environment: the environment variables of the process.
        job: the first message to the process.
        advice: what to do if the system killed the process because the memory was full.

    Raises:
        InputError: if the process ended before it received the job.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], job: object, *, advice: str
    ) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        self._advice = advice
        try:
            self.send(job)
        except BaseException:
            self.stop()
            self.close()
            raise

    def send(self, message: object) -> None:
        """Send a request.

        Raises:
            InputError: if the process has ended.
        """
        stream = cast(IO[bytes], self.process.stdin)
        try:
            pickle.dump(message, stream)
            stream.flush()
        except BrokenPipeError:
            raise self._end() from None

    def receive(self) -> Any:
        """Return the next answer.

        Raises:
            InputError: if the process has ended, or has sent something other than an answer.
        """
        try:
            return pickle.load(cast(IO[bytes], self.process.stdout))
        except (EOFError, pickle.UnpicklingError):
            raise self._end() from None

    def ask(self, request: object) -> Any:
        """Send a request and return its answer.

        Raises:
            InputError: if the answer is an `InputError`, or the process has ended.
        """
        self.send(request)
        answer = self.receive()
        if isinstance(answer, InputError):
            raise answer
        return answer

    def stop(self) -> None:
        """End the process now, so that a thread that waits for its answer gets an error."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Close the pipes to a process that has ended, when no thread uses them any more."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):  # a request was not sent completely
                cast(IO[bytes], pipe).close()

    def _end(self) -> InputError:
        """Return the error about a process that has ended; stop a process that is still running."""
        try:
            code = self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.stop()
            return InputError("a worker process sent an invalid answer and was stopped.")
        if code >= 0:
            return InputError(f"a worker process ended early, with exit code {code}.")
        try:
            name = signal.Signals(-code).name
        except ValueError:  # a real-time signal
            name = f"signal {-code}"
        advice = f"; if the memory is full, {self._advice}" if name == "SIGKILL" else ""
        return InputError(f"a worker process was killed by {name}{advice}.")


AnyWorker = TypeVar("AnyWorker", bound=WorkerProcess)


class WorkerPool(Generic[AnyWorker]):
    """Worker processes, each of which does one task at a time.

    Args:
        workers: the processes.
        executor: runs a thread for each process.
    """

    def __init__(self, workers: Sequence[AnyWorker], executor: ThreadPoolExecutor) -> None:
        self.workers, self._executor = workers, executor
        self._idle: queue.SimpleQueue[AnyWorker] = queue.SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    def submit(self, task: Callable[[AnyWorker], Answer]) -> Future[Answer]:
        """Run a task with the next worker that is idle."""
        return self._executor.submit(self._run, task)

    def _run(self, task: Callable[[AnyWorker], Answer]) -> Answer:
        worker = self._idle.get()
        try:
            return task(worker)
        finally:
            self._idle.put(worker)


@contextmanager
def open_pool(start: Callable[[int], AnyWorker], count: int) -> Iterator[WorkerPool[AnyWorker]]:
    """Start worker processes, and end them after the block.

    Args:
        start: starts the process with a number, counted from 0.
        count: number of processes.
    """
    workers: list[AnyWorker] = []
    executor = ThreadPoolExecutor(count)
    try:
        for number in range(count):
            workers.append(start(number))
        yield WorkerPool(workers, executor)
    finally:
        for worker in workers:
            worker.stop()
        executor.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()


class RequestPipes:
    """The pipes from which a worker process reads requests, and into which it writes answers."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers

    @classmethod
    def take_standard(cls) -> RequestPipes:
        """Use standard input and output; what a library prints then goes to standard error."""
        answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(sys.stdin.buffer, answers)

    def receive(self) -> Any:
        """Return the next request; None if the other process has closed the pipe."""
        try:
            return pickle.load(self._requests)
        except EOFError:
            return None

    def send(self, answer: object) -> None:
        """Send an answer, or end this process if the other one has ended."""
        try:
            pickle.dump(answer, self._answers)
            self._answers.flush()
        except BrokenPipeError:
            os._exit(1)
