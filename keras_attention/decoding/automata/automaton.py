"""An automaton over target ids in NumPy arrays, and its file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.artefacts import LARGEST_SHORT_LIST, check_archive
from keras_attention.special_tokens import END_ID

Ids = npt.NDArray[np.int32]

OUTPUTS_FILE = "outputs.npz"
"""Name of the file in an export that holds the automaton of its allowed outputs."""

ENDED, FIRST = 0, 1
"""The node of outputs that have ended, which has no edges, and the node where outputs begin."""

NEVER = 1 << 30
"""The number of steps to the end from a node that leads to no end."""

MOST_EDGES = 1 << 22
"""The largest number of edges, which take 12 bytes each."""


class NoOutputError(ValueError):
    """An error about an automaton that accepts no output."""


class Automaton(NamedTuple):
    """A deterministic automaton that accepts the outputs that a search may return.

    An output begins at the node `FIRST`. Each of its tokens follows an edge to the next node, and
    the end token follows one to the node `ENDED`. Tokens that are interchangeable at every node
    share a class, and an edge names a class instead of a token. Inside a graph, the arrays may be
    tensors.

    Attributes:
        classes: the class of each token `[V]`; 0 for tokens that no output contains.
        nodes: the place of each node's first edge, and its number of edges, `[N, 2]`.
        edges: for each edge its class, its next node, and the smallest number of tokens from its
            token to the end of an output, both included, `[E + W, 3]`; the last `W` rows are 0.
        places: 0, 1, 2 ... `W - 1`, where `W` is the largest number of edges of a node.
        kinds: 0, 1, 2 ... `C - 1`, where `C` is the number of classes.

    Example:
        >>> automaton = make_trie([[4, 5], [4], [6, 4, 5]], 8)
        >>> automaton.shortest, automaton.follow([6, 4]), automaton.follow([5])
        (2, 5, None)
        >>> automaton.possible(2, steps=1).nonzero()[0].tolist()  # after 4, with one step left
        [2]
    """

    classes: Any
    nodes: Any
    edges: Any
    places: Any
    kinds: Any

    @property
    def shortest(self) -> int:
        """The number of tokens of the shortest output, end token included."""
        return self.shortest_from(FIRST)

    def shortest_from(self, node: int) -> int:
        """Return the smallest number of tokens from a node to an end, end token included."""
        return int(self._edges_of(node)[:, 2].min())

    def possible(self, node: int, steps: int) -> npt.NDArray[np.bool_]:
        """Return which tokens may follow `[V]`, if the output has `steps` tokens left."""
        edges = self._edges_of(node)
        kinds = edges[edges[:, 2] <= steps, 0]
        return np.isin(self.classes, kinds)

    def follow(self, tokens: Sequence[int], node: int = FIRST) -> int | None:
        """Return the node after some tokens, or None if no output continues with them."""
        for token in tokens:
            edges = self._edges_of(node)
            found = edges[edges[:, 0] == self.classes[token], 1]
            if not len(found):
                return None
            node = int(found[0])
        return node

    def _edges_of(self, node: int) -> Ids:
        first, count = self.nodes[node]
        edges: Ids = self.edges[first : first + count]
        return edges

    def to_bytes(self) -> bytes:
        """Return the content of a file that `from_bytes` reads."""
        stream = io.BytesIO()
        np.savez_compressed(stream, classes=self.classes, nodes=self.nodes, edges=self.edges)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, file_bytes: bytes, where: str, vocabulary_size: int) -> Automaton:
        """Load an automaton from the content of a file that `to_bytes` wrote.

        Args:
            file_bytes: the file's content.
            where: the file's name in errors.
            vocabulary_size: number of target ids of the model.

        Raises:
            InputError: if the file is damaged, or belongs to a model with a different vocabulary.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(file_bytes)) as archive:
                check_archive(archive, where, largest=LARGEST_SHORT_LIST)
            with np.load(io.BytesIO(file_bytes), allow_pickle=False) as arrays:
                read = _from_arrays(*(arrays[name] for name in ("classes", "nodes", "edges")))
            valid = read.classes.shape == (vocabulary_size,) and _is_valid(read)
        except Exception:  # damaged files cause many kinds of errors
            valid = False
        if not valid:
            raise InputError(
                f"{where}: damaged, expected the allowed outputs of a model with "
                f"{vocabulary_size} target tokens."
            )
        return read


def make_trie(outputs: Sequence[Sequence[int]], vocabulary_size: int) -> Automaton:
    """Return the automaton that accepts a closed set of outputs.

    Args:
        outputs: the ids of each output, without the end token; at least one output.
        vocabulary_size: number of target ids `V`.
    """
    used = sorted({END_ID, *(token for output in outputs for token in output)})
    classes = np.zeros(vocabulary_size, "int32")
    classes[used] = np.arange(1, len(used) + 1)
    class_of = dict(zip(used, classes[used].tolist(), strict=True))
    nodes: list[dict[int, int]] = [{}]
    for output in outputs:
        node = 0
        for token in output:
            kind = class_of[token]
            if kind not in nodes[node]:
                nodes[node][kind] = len(nodes)
                nodes.append({})
            node = nodes[node][kind]
        nodes[node][class_of[END_ID]] = 0
    return make_automaton(classes, nodes)


def make_automaton(classes: Ids, nodes: Sequence[Mapping[int, int]]) -> Automaton:
    """Return the automaton of some nodes, without the edges from which no output can end.

    Args:
        classes: the class of each token `[V]`, from 1; 0 for tokens that no output contains. The
            end token has a class of its own.
        nodes: the edges of each node, from the class to the place of the next node in `nodes`. An
            output begins at the first of them. The value for the end token's class has no meaning.

    Raises:
        NoOutputError: if no output can end.
    """
    pairs = [pair for edges in nodes for pair in edges.items()]
    kinds, following = np.array(pairs, "int32").reshape(-1, 2).T
    numbers = np.arange(len(nodes), dtype="int32")
    sources = np.repeat(numbers, [len(edges) for edges in nodes])
    return from_edges(classes, sources, kinds, following, len(nodes))


def from_edges(classes: Ids, sources: Ids, kinds: Ids, following: Ids, count: int) -> Automaton:
    """Return the automaton of some edges; see `make_automaton`.

    Args:
        classes: the class of each token `[V]`.
        sources: the place of each edge's node `[E]`, in ascending order.
        kinds: the class of each edge `[E]`.
        following: the place of each edge's next node `[E]`.
        count: number of nodes.

    Raises:
        NoOutputError: if no output can end.
    """
    size = count + 1  # with the node of the ended outputs
    sources = sources.astype("int32") + FIRST
    ends = kinds == classes[END_ID]
    following = np.where(ends, ENDED, following + FIRST)
    steps = _steps_to_end(sources, following, ends, size)
    kept = steps < NEVER
    if not (kept & (sources == FIRST)).any():
        raise NoOutputError("`nodes` must have a path from the first one to the end of an output.")
    counts = np.bincount(sources[kept], minlength=size)
    used = np.unique(kinds[kept])
    numbers = np.zeros(max(classes.max(), kinds.max()) + 1, "int32")
    numbers[used] = np.arange(1, len(used) + 1)
    edges = np.stack([numbers[kinds], following, steps], axis=1)[kept]
    padded = np.pad(edges, [(0, counts.max()), (0, 0)])
    places = np.stack([np.cumsum(counts) - counts, counts], axis=1)
    return _from_arrays(numbers[classes], places, padded)


def _steps_to_end(sources: Ids, following: Ids, ends: Any, count: int) -> Ids:
    """Return the smallest number of tokens from each edge to an end `[E]`, both included."""
    nearest = np.full(count, NEVER, "int32")  # of each node
    length, found = 1, ends
    while found.any():
        nearest[sources[found]] = length
        found = (nearest[following] == length) & (nearest[sources] == NEVER) & ~ends
        length += 1
    return np.where(ends, 1, np.minimum(1 + nearest[following], NEVER)).astype("int32")


def _from_arrays(classes: Ids, nodes: Ids, edges: Ids) -> Automaton:
    sizes = nodes[:, 1].max(), edges[:, 0].max() + 1
    arrays = classes, nodes, edges, *map(np.arange, sizes)
    return Automaton(*(np.asarray(array, "int32") for array in arrays))


def _is_valid(read: Automaton) -> bool:
    """Return whether every index of an automaton is in its range."""
    firsts, counts = read.nodes.T
    edges = len(read.edges) - len(read.places)
    kinds, following, steps = read.edges.T
    return bool(
        0 <= firsts.min() <= (firsts + counts).max() <= edges
        and 0 <= counts.min()
        and counts[ENDED] == 0 < counts[FIRST]
        and 0 <= following.min() <= following.max() < len(read.nodes)
        and 0 <= kinds.min()
        and 0 <= read.classes.min() <= read.classes.max() < len(read.kinds)
        and 0 <= steps.min() <= steps.max() < NEVER
    )
