"""Compare training and search on one GPU: this library on JAX, and plain PyTorch with cuDNN.

Needs `jax`, `torch` and this library; TensorFlow is not imported. Both systems run in this process
and take turns, in float32 and in bfloat16, on batches of random ids. All sources have the same
length, and all targets have the same length, because the comparison is about matrix products, not
about the input. Without a GPU the script runs on the CPU, which is useful only with `--tiny`, to
test the script.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # torch needs memory too
sys.path.append(str(Path(__file__).resolve().parent / "workers"))

import jax
import keras
import numpy as np
import torch
from torch.nn import functional
from torch_model import Model

from keras_attention import LuongAttention, MaskedCrossentropy, Seq2Seq, search

FULL = {"vocabulary": 8000, "embedding": 256, "units": 512, "batch": 256, "steps": 20, "length": 40}
TINY = {"vocabulary": 50, "embedding": 8, "units": 16, "batch": 8, "steps": 2, "length": 6}
DTYPES = ("float32", "bfloat16")
BEAMS = (1, 5)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Run = Callable[[], Any]
"""A function that does the work of one round, and returns when the work is done."""


def make_batch(sizes: dict[str, int]) -> np.ndarray:
    """Return ids `[steps, 2, batch, length]` of sources and targets without padding."""
    rng = np.random.default_rng(1)
    shape = sizes["steps"], 2, sizes["batch"], sizes["length"]
    return rng.integers(4, sizes["vocabulary"], shape).astype("int32")


def shifted(target: np.ndarray) -> np.ndarray:
    """Return the decoder's input for targets: shifted right by one, after `<s>`."""
    return np.concatenate([np.ones_like(target[..., :1]), target[..., :-1]], axis=-1)


def ours(sizes: dict[str, int], dtype: str, ids: np.ndarray) -> dict[str, Run]:
    """Return this library's training, by `fit`, and its searches, which JAX compiles."""
    policy = "float32" if dtype == "float32" else f"mixed_{dtype}"
    options = {name: sizes[name] for name in ("units", "embedding")}
    vocabulary = sizes["vocabulary"]
    attention = LuongAttention("general", dtype=policy)
    model = Seq2Seq(vocabulary, vocabulary, attention=attention, dtype=policy, **options)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), MaskedCrossentropy())
    source, target = (ids[:, side].reshape(-1, sizes["length"]) for side in (0, 1))

    def train() -> None:
        fit = {"batch_size": sizes["batch"], "shuffle": False, "verbose": 0}
        model.fit((source, shifted(target)), target, **fit)

    def translate(width: int) -> Run:
        options = {"max_length": sizes["length"], "min_length": sizes["length"]}
        compiled = jax.jit(lambda batch: search(model, batch, beam_width=width, **options).tokens)
        return lambda: [compiled(batch).block_until_ready() for batch in ids[:, 0]]

    return {"train": train, **{f"beam {width}": translate(width) for width in BEAMS}}


def theirs(sizes: dict[str, int], dtype: str, ids: np.ndarray) -> dict[str, Run]:
    """Return the training and the greedy search of the plain PyTorch model."""
    model = Model({**sizes, "attention": "luong"}).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = torch.from_numpy(ids).long().to(DEVICE)
    inputs = torch.from_numpy(shifted(ids[:, 1])).long().to(DEVICE)
    cast = torch.autocast(DEVICE, torch.bfloat16, enabled=dtype == "bfloat16")

    def train() -> None:
        for (source, target), target_in in zip(batches, inputs, strict=True):
            with cast:
                logits = model.output(model(source, target_in))
            loss = functional.cross_entropy(logits.float().flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        loss.item()  # waits for the GPU

    def translate() -> None:
        with torch.inference_mode(), cast:
            for source, _ in batches:
                *kept, state = model.encode(source)
                tokens = torch.ones(len(source), dtype=torch.long, device=DEVICE)
                for _ in range(sizes["length"]):
                    logits, state = model.step(tokens, state, tuple(kept))
                    tokens = logits.argmax(-1)
            tokens.cpu()

    return {"train": train, "beam 1": translate}


def main() -> None:
    """Measure in turns, print tokens per second, and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, to test the script")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds after one that is not counted"
    )
    parser.add_argument("--seconds", type=float, default=420, help="start no round after this time")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    sizes, begin = TINY if options.tiny else FULL, time.perf_counter()
    ids = make_batch(sizes)
    tasks = {
        f"{system}, {dtype}, {task}": run
        for dtype in DTYPES
        for system, make in (("ours", ours), ("torch", theirs))
        for task, run in make(sizes, dtype, ids).items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(options.rounds + 1):
        for name, run in tasks.items():
            if time.perf_counter() - begin > options.seconds:
                print(f"stopped in round {number}, before {name}", file=sys.stderr)
                break
            start = time.perf_counter()
            run()
            took = time.perf_counter() - start
            print(f"round {number}, {name}: {took:.2f} s", file=sys.stderr, flush=True)
            if number:  # the first round compiles
                seconds[name].append(took)
    report(sizes, seconds, options.output)


def report(sizes: dict[str, int], seconds: dict[str, list[float]], output: Path | None) -> None:
    """Print the target tokens per second of each task, and write them as JSON."""
    tokens = sizes["steps"] * sizes["batch"] * sizes["length"]
    rates = {name: tokens / statistics.median(found) for name, found in seconds.items() if found}
    for name, rate in rates.items():
        print(f"{name:26} {rate:12,.0f} target tokens/s")
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"
    versions = {"jax": jax.__version__, "keras": keras.__version__, "torch": torch.__version__}
    content = {
        "device": device,
        "JAX device": jax.devices()[0].device_kind,
        "sizes": sizes,
        "versions": versions,
        "target tokens per second": rates,
        "seconds": seconds,
    }
    if output:
        output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
