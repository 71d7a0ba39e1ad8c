"""Multiplies matrices with TensorFlow or PyTorch, in float32 and in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import protocol
from protocol import Reply, measured

SIZE, LEAST_SECONDS = 2048, 0.2
DTYPES = ("float32", "bfloat16")


class Rates:
    """Matrix products computed with one library."""

    def __init__(self, config: dict[str, Any]) -> None:
        make = _torch_products if config["library"] == "torch" else _tensorflow_products
        self.products, self.version = make(config["threads"])

    def multiply(self, dtype: str) -> Reply:
        """Multiply square matrices for some tenths of a second; return the rate in GFLOP/s."""
        product, count = self.products[dtype], 1
        while True:
            with measured() as found:
                for _ in range(count):
                    product()
            if found["wall"] >= LEAST_SECONDS:
                return {**found, "gflops": 2e-9 * count * SIZE**3 / found["wall"]}
            count *= 2


def _tensorflow_products(threads: int) -> tuple[dict[str, Callable[[], Any]], str]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)

    def product(dtype: str) -> Callable[[], Any]:
        x = tf.cast(tf.random.normal((SIZE, SIZE)), dtype)
        return lambda: tf.matmul(x, x).numpy()

    return {dtype: product(dtype) for dtype in DTYPES}, tf.__version__


def _torch_products(threads: int) -> tuple[dict[str, Callable[[], Any]], str]:
    import torch

    torch.set_num_threads(threads)

    def product(dtype: str) -> Callable[[], Any]:
        x = torch.randn(SIZE, SIZE).to(getattr(torch, dtype))
        return lambda: x @ x

    return {dtype: product(dtype) for dtype in DTYPES}, torch.__version__


if __name__ == "__main__":
    settings = protocol.settings()
    rates = Rates(settings)
    protocol.serve(rates, versions={settings["library"]: rates.version})
