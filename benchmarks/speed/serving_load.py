"""How many texts does a replica serve per core, and how long do requests wait?

python benchmarks/speed/serving_load.py dates=saved_models/dates=data/dates.txt \
    g2p=saved_models/g2p-kor=data/words.txt

Each argument is NAME=MODEL=TEXTS: a name for the table, an exported run folder, and a file with a
text per line. Use models of different sizes, to see how the rate depends on the size.

A replica is the tests' loopback server: it runs the SavedModel with TensorFlow on one core and
merges requests as TensorFlow Serving does. The requests, with one text each, come over gRPC from
a client on another core. First the script measures the largest rate, the capacity: many callers
send requests, and each waits for its answer before it sends the next one. Then requests arrive at
random times (a Poisson process) at a share of that capacity, whether or not earlier requests were
answered. Their times count from the moment of arrival, so that waiting in a queue is included.

With --replicas 2, two replicas have one core each, and a balancer in Python sends them the requests
in turn. The balancer and the client share the other cores. If there are no others, they share all
cores, and slow the replicas down.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import report
from driver import CORES, Run

from keras_attention.serving import ServingClient

TESTS = Path(__file__).resolve().parents[2] / "tests" / "integration"
SERVER = """
import contextlib, json, sys
sys.path.insert(0, sys.argv[1])
import tensorflow as tf
with contextlib.suppress(ImportError):
    import tensorflow_text  # operators of subword models
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
import loopback
served, window = loopback.Served(sys.argv[2]), float(sys.argv[3])
if window >= 0:
    served = loopback.Merging(served, longest_wait=window)
with loopback.over_grpc(served, threads=int(sys.argv[4])) as address:
    print(address, flush=True)
    for line in sys.stdin:
        print(json.dumps(len(getattr(served, "merged", served.calls))), flush=True)
"""
BALANCER = """
import sys
sys.path.insert(0, sys.argv[1])
import loopback
with loopback.balanced(sys.argv[3:], threads=int(sys.argv[2])) as (address, _):
    print(address, flush=True)
    sys.stdin.read()
"""
CALLERS = 64


@dataclass
class Replicas:
    """Running servers.

    Attributes:
        client: a client of them.
        processes: their processes. Each answers a line of input with the number of runs of the
            graph.
    """

    client: ServingClient
    processes: list[Any]

    def runs(self) -> int:
        """Return how often the servers have run the model's graph."""
        for process in self.processes:
            process.stdin.write("runs\n")
            process.stdin.flush()
        return sum(int(json.loads(process.stdout.readline())) for process in self.processes)


@contextmanager
def started(code: str, *arguments: Any, cores: Sequence[int]) -> Iterator[tuple[Any, str]]:
    """Start a process on some cores, and yield it with the address that it prints first."""
    words = [sys.executable, "-c", code, str(TESTS), *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    os.sched_setaffinity(process.pid, cores)
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address:
            raise SystemExit(f"a process with the arguments {words[3:]} did not start")
        yield process, address
    finally:
        process.kill()
        process.wait()


@contextmanager
def replicas(version: Path, window: float, count: int) -> Iterator[Replicas]:
    """Start servers on one core each; `window` is in seconds, or negative for no merging."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(started(SERVER, version, window, CALLERS, cores=[core]))
            for core in CORES[:count]
        ]
        processes, addresses = zip(*servers, strict=True)
        address = addresses[0]
        if count > 1:
            others = CORES[count:] or CORES
            _, address = stack.enter_context(started(BALANCER, CALLERS, *addresses, cores=others))
        client = ServingClient(address, "dates", parallel=CALLERS, deadline=600)
        yield Replicas(stack.enter_context(client), [*processes])


def capacity(served: Replicas, texts: Sequence[str], seconds: float) -> dict[str, float]:
    """Return the largest rate in texts a second, with callers that wait for their answers."""
    rows = cycle(texts)
    end, before, start = time.perf_counter() + seconds, served.runs(), time.perf_counter()

    def call(_: int) -> int:
        count = 0
        while time.perf_counter() < end:
            served.client(next(rows))
            count += 1
        return count

    with ThreadPoolExecutor(CALLERS) as pool:
        count = sum(pool.map(call, range(CALLERS)))
    rate = count / (time.perf_counter() - start)
    return {"texts/s": rate, "texts a run": count / (served.runs() - before)}


def load(served: Replicas, texts: Sequence[str], rate: float, seconds: float) -> dict[str, float]:
    """Return percentiles of the response time in ms if `rate` requests arrive per second."""
    count = max(1, round(rate * seconds))
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / rate, count)).tolist()
    before, start = served.runs(), time.perf_counter()

    def call(text: str, arrival: float) -> float:
        served.client(text)
        return 1e3 * (time.perf_counter() - start - arrival)

    with ThreadPoolExecutor(4 * CALLERS) as pool:
        waiting = []
        for text, arrival in zip(islice(cycle(texts), count), arrivals, strict=True):
            time.sleep(max(0.0, start + arrival - time.perf_counter()))
            waiting.append(pool.submit(call, text, arrival))
        times = [each.result() for each in waiting]
    shares = {f"p{share} ms": report.percentile(times, share / 100) for share in (50, 95, 99)}
    return {**shares, "texts a run": count / (served.runs() - before)}


def measure(name: str, version: Path, texts: list[str], options: Any) -> list[dict[str, Any]]:
    """Return the rows of a model, for each window and share of the capacity."""
    rows = []
    for window in options.windows:
        with replicas(version, window / 1e3, options.replicas) as served:
            served.client(texts[:64])
            capacity(served, texts, options.seconds / 4)  # warms up
            rounds = [capacity(served, texts, options.seconds) for _ in range(options.rounds)]
            largest = statistics.median(found["texts/s"] for found in rounds)
            middle = next(found for found in rounds if found["texts/s"] >= largest)
            wait = "no merging" if window < 0 else f"{window:g}"
            label = {"model": name, "replicas": options.replicas, "wait ms": wait}
            rows.append({**label, "load": "capacity", **middle, "texts/s": largest})
            for share in options.shares:
                found = load(served, texts, share * largest, options.seconds)
                rows.append({**label, "load": f"{share:.0%}", "texts/s": share * largest, **found})
        print(json.dumps(rows[-1 - len(options.shares) :]), file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL=TEXTS")
    parser.add_argument("--windows", type=float, nargs="+", default=[-1, 0, 2, 10], metavar="MS")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.8], metavar="SHARE")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of the capacity")
    parser.add_argument("--replicas", type=int, default=1, help="servers, each on its own core")
    parser.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    options = parser.parse_args()
    options.threads, options.isa, options.quick, options.tiny = 1, "all", False, False
    if not 1 <= options.replicas <= len(CORES):
        parser.error(f"--replicas must be from 1 to {len(CORES)}, the number of cores")
    os.sched_setaffinity(0, CORES[options.replicas :] or CORES)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for argument in options.models:
        name, model, path = argument.split("=")
        versions = sorted(Path(model).glob("[0-9]*"), key=lambda found: int(found.name))
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        rows += measure(name, versions[-1], [line for line in lines if line], options)
    report.show("Replicas with one core each", rows)
    report.save(Run(options, options.rounds, [], []), "serving_load", {"load": rows}, {}, {})


if __name__ == "__main__":
    main()
