"""The floor, a lower bound on the time: the matrix products alone, with TensorFlow and oneDNN.

Letters: B rows, S source steps and T target steps of the padded batch, N real target tokens, widths
of the embeddings E, of the encoder per direction H, of memory and decoder U, of the attention
A = U, and size of the vocabulary V. [m,k][k,n] is one product; "x 3" means this product and the
products for its two gradients, [m,n][n,k] and [k,m][m,n].

A training step:
    encoder input, each way    [B S, E][E, 4H] x 3
    encoder state, each way    S of [B, H][H, 4H], S of [B, 4H][4H, H], one [H, B S][B S, 4H]
    bridge, h and c            [B, U][U, U] x 3 each
    keys                       [B S, U][U, A] x 3
    decoder input              [B T, E][E, 4U] x 3
    output                     [N, U][U, V] x 3
  Luong, after the LSTM:
    decoder state              T of [B, U][U, 4U], T of [B, 4U][4U, U], one [U, B T][B T, 4U]
    scores, context            B of [T, U][U, S] and of [T, S][S, U], x 3 each
    attentional vector         [N, 2U][2U, U] x 3
  Bahdanau, before the LSTM (state and context are one product; the gradients of the weights are
  computed once at the end, the gradients of states at every step):
    decoder state, context     T of [B, 2U][2U, 4U], T of [B, 4U][4U, 2U], one [2U, B T][B T, 4U]
    query                      T of [B, U][U, A], T of [B, A][A, U], one [U, B T][B T, A]
    scores                     T of [B S, A][A, 1], T of [A, B S][B S, 1]
    context                    T times B of [1, S][S, U] and of [1, U][U, S], B of [S, T][T, U]

A search first computes the encoder's input and state, the bridge and the keys once, without
gradients. Then it computes at every step, for the n hypotheses of all sources that have not ended
(K per source, but 1 at the first step):
    Luong      [n, E + U][E + U, 4U], n/K of [K, U][U, S] and [K, S][S, U], [n, 2U][2U, U]
    Bahdanau   [n, E + 2U][E + 2U, 4U], [n, U][U, A], K of [n/K S, A][A, 1], n/K of [K, S][S, U]
    both       [n, U][U, V]

Every product is computed as often as it is needed; a graph computes a few of them per call. The
cost of calling a graph, measured with 1 x 1 matrices, is subtracted. Nothing else is computed: no
additions, no activations, no softmax and no optimizer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from statistics import median
from typing import Any

import numpy as np
import protocol
import tensorflow as tf
from protocol import Reply, measured

_UNROLLED = 8
_LARGE = 1 << 20  # size of a result above which the cost of a call is negligible

# (batch, m, k, n, transpose_a, transpose_b); `Products` pairs each with its count.
Product = tuple[int, int, int, int, bool, bool]
Products = Iterator[tuple[Product, int]]


def forward(m: int, k: int, n: int, times: int = 1, batch: int = 0) -> Products:
    """Yield a product without gradients."""
    yield (batch, m, k, n, False, False), times


def inner(m: int, k: int, n: int, times: int = 1, batch: int = 0) -> Products:
    """Yield the product for the gradient of the input."""
    yield (batch, m, n, k, False, True), times


def weight(m: int, k: int, n: int, times: int = 1, batch: int = 0) -> Products:
    """Yield the product for the gradient of the weights."""
    yield (batch, k, m, n, True, False), times


def whole(m: int, k: int, n: int, times: int = 1, batch: int = 0) -> Products:
    """Yield a product and the products for both gradients."""
    for part in (forward, inner, weight):
        yield from part(m, k, n, times, batch)


def recurrent(rows: int, k: int, n: int, steps: int) -> Products:
    """Yield the products of each step, and one product over all steps for the weights' gradient."""
    yield from forward(rows, k, n, steps)
    yield from inner(rows, k, n, steps)
    yield from weight(rows * steps, k, n)


class Floor:
    """The matrix products of the batches on which the other systems train and search."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, config["folder"]
        self.luong = config["attention"] == "luong"

    def prepare_training(self) -> Reply:
        """Do nothing: the first round builds the graphs."""
        return {}

    prepare_search = prepare_training

    def train(self, first: int, steps: int, batches: str) -> Reply:
        """Compute the products of some batches."""
        taken = protocol.take(protocol.read_batches(self.folder, batches), first, steps)
        products: Counter[Product] = Counter()
        for source, target in taken:
            shape = (*source.shape, target.shape[1], int(np.count_nonzero(target)))
            for product, times in self.training_products(*shape):
                products[product] += times
        return {**compute(products), "tokens": protocol.real_tokens(taken)}

    def training_products(self, rows: int, source: int, target: int, real: int) -> Products:
        """Return the products of one training step."""
        e, u, v = (self.config[name] for name in ("embedding", "units", "vocabulary"))
        h, wide = u // 2, u if self.luong else 2 * u
        for _ in range(2):
            yield from whole(rows * source, e, 4 * h)
            yield from recurrent(rows, h, 4 * h, source)
            yield from whole(rows, u, u)
        yield from whole(rows * source, u, u)
        yield from whole(rows * target, e, 4 * u)
        yield from recurrent(rows, wide, 4 * u, target)
        yield from whole(real, u, v)
        if self.luong:
            yield from whole(target, u, source, batch=rows)
            yield from whole(target, source, u, batch=rows)
            yield from whole(real, 2 * u, u)
        else:
            yield from recurrent(rows, u, u, target)
            yield from forward(rows * source, u, 1, target)
            yield from weight(rows * source, u, 1, target)
            yield from forward(1, source, u, target, batch=rows)
            yield from inner(1, source, u, target, batch=rows)
            yield from weight(target, source, u, batch=rows)

    def search(self, beam: int, batches: str = "by_length", limit: int | None = None) -> Reply:
        """Compute the products of all searches."""
        sources = protocol.read_sources(self.folder)[:limit]
        cut = protocol.cut(sources, self.config["search_batch"], by_length=batches == "by_length")
        return self._searches(cut, beam)

    def latency(self, count: int) -> Reply:
        """Compute the products of greedy search for single sources; return the mean times."""
        sources = protocol.read_sources(self.folder)[:count]
        found = self._searches([protocol.pad([ids]) for ids in sources], 1)
        means = {clock: [found[clock] / len(sources)] * len(sources) for clock in ("wall", "cpu")}
        return {**found, "walls": means["wall"], "cpus": means["cpu"]}

    def _searches(self, cut: list[np.ndarray], beam: int) -> Reply:
        products: Counter[Product] = Counter()
        for batch in cut:
            for product, times in self.search_products(np.count_nonzero(batch, axis=1), beam):
                products[product] += times
        tokens = sum(int(np.count_nonzero(batch)) for batch in cut)
        return {**compute(products), "sentences": sum(map(len, cut)), "tokens": tokens}

    def search_products(self, lengths: np.ndarray, beam: int) -> Products:
        """Return the products of one batch, whose outputs are as long as their sources."""
        e, u, v = (self.config[name] for name in ("embedding", "units", "vocabulary"))
        h, rows, source = u // 2, len(lengths), int(lengths.max())
        for _ in range(2):
            yield from forward(rows * source, e, 4 * h)
            yield from forward(rows, h, 4 * h, source)
            yield from forward(rows, u, u)
        yield from forward(rows * source, u, u)
        for step in range(source):
            alive, width = int((lengths > step).sum()), beam if step else 1
            n = alive * width
            if self.luong:
                yield from forward(n, e + u, 4 * u)
                yield from forward(width, u, source, batch=alive)
                yield from forward(n, 2 * u, u)
            else:
                yield from forward(n, e + 2 * u, 4 * u)
                yield from forward(n, u, u)
                yield from forward(alive * source, u, 1, width)
            yield from forward(width, source, u, batch=alive)
            yield from forward(n, u, v)


def compute(products: Counter[Product]) -> Reply:
    """Compute every product as often as it occurs; return the time and the number of operations."""
    seconds: Counter[str] = Counter(wall=0.0, cpu=0.0)
    for product, count in products.items():
        a, b = _operands(product)
        calls = [(_graph(product, part), times) for part, times in _portions(product, count)]
        for graph, _ in calls:  # oneDNN prepares each shape once
            graph(a, b)
        calling = [(_cost(graph, len(b.shape)), times) for graph, times in calls]
        with measured() as found:
            for graph, times in calls:
                for _ in range(times):
                    graph(a, b)
        for clock in ("wall", "cpu"):
            found[clock] -= sum(cost[clock] * times for cost, times in calling)
            seconds[clock] += max(0.0, found[clock])
    work = sum(2 * max(1, p[0]) * p[1] * p[2] * p[3] * times for p, times in products.items())
    return {**seconds, "gflop": work / 1e9, "gflop_per_s": work / 1e9 / seconds["wall"]}


def _portions(product: Product, count: int) -> list[tuple[int, int]]:
    """Return the number of products per call, and the number of calls."""
    large = max(1, product[0]) * product[1] * product[3] > _LARGE
    portions = []
    for part in (1,) if large else (_UNROLLED, 4, 2, 1):
        times, count = divmod(count, part)
        portions.append((part, times))
    return [(part, times) for part, times in portions if times]


@cache
def _cost(graph: Any, rank: int) -> Reply:
    """Return the seconds that a call takes in addition to its products."""
    one = tf.ones([1] * rank)
    costs = []
    for _ in range(30):
        with measured() as found:
            graph([one] * _UNROLLED, one)
        costs.append(found)
    return {clock: median(cost[clock] for cost in costs) for clock in ("wall", "cpu")}


def _graph(product: Product, count: int) -> Any:
    return _traced(3 if product[0] else 2, product[4], product[5], count)


@cache
def _traced(rank: int, transpose_a: bool, transpose_b: bool, count: int) -> Any:
    """Compute a number of products in sequence, with different operands so that none is merged."""
    any_matrix = tf.TensorSpec([None] * rank, tf.float32)

    @tf.function(input_signature=[[any_matrix] * _UNROLLED, any_matrix])
    def multiply(a: Any, b: Any) -> Any:
        found: list[Any] = []
        for matrix in a[:count]:
            with tf.control_dependencies(found[-1:]):
                found.append(tf.matmul(matrix, b, transpose_a, transpose_b))
        return found

    return multiply


def _operands(product: Product) -> tuple[list[Any], Any]:
    batch, m, k, n, transpose_a, transpose_b = product
    lead = (batch,) if batch else ()
    a = _numbers((*lead, k, m) if transpose_a else (*lead, m, k))
    return [a] * _UNROLLED, _numbers((*lead, n, k) if transpose_b else (*lead, k, n))


def _numbers(shape: tuple[int, ...]) -> Any:
    return tf.constant(np.resize(_normal(), shape))


@cache
def _normal() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(1 << 20, "float32")


if __name__ == "__main__":
    floor = Floor(protocol.settings())
    protocol.serve(floor, versions={"tensorflow": tf.__version__})
