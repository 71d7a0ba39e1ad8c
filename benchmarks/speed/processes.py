"""How much faster do two processes train than one, on JAX, and what does communication cost?

python benchmarks/speed/processes.py

Every process has one core. A step trains on the same batch of 64 pairs of 20 tokens a side,
whole in one process or half in each of two. Half a batch takes more than half of the time, because
every process updates all weights; a third run, of one process on half a batch, measures that. The
script also times the sum of the gradients over the processes (an all-reduce) by itself.

The estimate for n hosts is:

    step(n) = fixed + divided / n + 2 * (n - 1) / n * bytes / bandwidth

where fixed + divided is the time of a step in one process on the whole batch, and
fixed + divided / 2 is the time of a step on half a batch. A ring all-reduce sends and receives
2 * (n - 1) / n times the bytes of all gradients, 4 for each parameter. The estimate leaves out
latency.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from driver import CORES, Run

MODELS = {"128": (2000, 64), "256": (8000, 128), "512": (8000, 256)}
"""For each number of units: the size of the vocabularies and of the embeddings."""
BATCH, LENGTH = 64, 20
NETWORKS = {"1 Gbit/s": 1.25e8, "10 Gbit/s": 1.25e9, "100 Gbit/s": 1.25e10}
"""Bytes a second."""
HOSTS = (2, 8, 64)


def child(options: argparse.Namespace) -> None:
    """Train in this process and print the times of steps and all-reduces, in seconds."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_attention import LuongAttention, MaskedCrossentropy, Seq2Seq
    from keras_attention.training.processes.devices import own_rows, process_index
    from keras_attention.training.processes.processes import start_processes

    if options.address:
        start_processes(options.address, 2, options.child)
    keras.utils.set_random_seed(1)
    vocabulary, embedding = MODELS[options.units]
    units = int(options.units)
    model = Seq2Seq(
        vocabulary, vocabulary, units=units, embedding=embedding, attention=LuongAttention()
    )
    model.compile("adam", loss=MaskedCrossentropy())
    ids = np.random.default_rng(0).integers(4, vocabulary, (options.batch, LENGTH), "int32")
    shifted = np.pad(ids, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
    batches = own_rows(tf.data.Dataset.from_tensors(((ids, shifted), ids))).cache().repeat()
    ends: list[float] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    epochs = options.rounds + 1  # compiles in the first
    model.fit(batches, steps_per_epoch=options.steps, epochs=epochs, verbose=0, callbacks=[note])
    steps = [float(s) / options.steps for s in np.diff(ends)]
    parameters = model.count_params()
    found = {"parameters": parameters, "steps": steps, "sums": sum_times(parameters, options)}
    if process_index() == 0:
        print(json.dumps(found), flush=True)


def sum_times(parameters: int, options: argparse.Namespace) -> list[float]:
    """Return the times of an all-reduce of as many numbers as the model has parameters."""
    if not options.address:
        return []
    import jax
    import jax.numpy as jnp

    add = jax.pmap(lambda gradients: jax.lax.psum(gradients, "processes"), "processes")
    gradients = jnp.ones((1, parameters), "float32")
    add(gradients).block_until_ready()
    times = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        add(gradients).block_until_ready()
        times.append(time.perf_counter() - start)
    return times


def train(
    units: str, processes: int, options: argparse.Namespace, *, batch: int = BATCH
) -> dict[str, Any]:
    """Return the times that the first of the processes prints."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}" if processes > 1 else ""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    started = []
    for number in range(processes):
        words = [sys.executable, __file__, "--child", str(number), "--address", address]
        words += ["--units", units, "--batch", str(batch)]
        words += ["--steps", str(options.steps), "--rounds", str(options.rounds)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        os.sched_setaffinity(process.pid, CORES[number : number + 1])
        started.append(process)
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{processes} processes with {units} units did not end well")
    return dict(json.loads(outputs[0].splitlines()[-1]))


def compare(units: str, options: argparse.Namespace) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the measurements with a model, and the estimates for more hosts."""
    one, two = (train(units, count, options) for count in (1, 2))
    half = statistics.median(train(units, 1, options, batch=BATCH // 2)["steps"])
    step = {1: statistics.median(one["steps"]), 2: statistics.median(two["steps"])}
    fixed = max(0.0, 2 * half - step[1])
    tokens, added = 2 * BATCH * LENGTH, statistics.median(two["sums"])
    size = 4 * one["parameters"]
    measured = {
        "units": units,
        "parameters": one["parameters"],
        "tokens/s, 1 process": tokens / step[1],
        "tokens/s, 2 processes": tokens / step[2],
        "2 over 1": step[1] / step[2],
        "all-reduce ms": 1e3 * added,
        "all-reduce MB/s": size / added / 1e6,
        "all-reduce, share of the step": added / step[2],
        "not divided, share of the step": fixed / step[1],
    }
    estimates = []
    for network, bandwidth in NETWORKS.items():
        row: dict[str, Any] = {"units": units, "network": network}
        for hosts in HOSTS:
            sums = 2 * (hosts - 1) / hosts * size / bandwidth
            row[f"{hosts} hosts"] = step[1] / (fixed + (step[1] - fixed) / hosts + sums)
        estimates.append(row)
    return measured, estimates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--steps", type=int, default=10, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        options.units = options.units[0]
        return child(options)
    if len(CORES) < 2:
        raise SystemExit("two cores are needed")
    import report

    found = [compare(units, options) for units in options.units]
    tables = {
        "measured": [measured for measured, _ in found],
        "estimated speedup": [row for _, rows in found for row in rows],
    }
    for title, rows in tables.items():
        report.show(title, rows)
    options.threads, options.isa, options.quick, options.tiny = 2, "all", False, False
    report.save(Run(options, options.rounds, [], []), "processes", tables, {}, {})


if __name__ == "__main__":
    main()
