"""Runs `ours` under TensorFlow's profiler, and sums the time by kind of operation."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import protocol
import tensorflow as tf
from ours import Ours
from protocol import Reply

try:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2
except ImportError:  # its module differs between versions
    from tsl.profiler.protobuf import xplane_pb2

Event = tuple[int, int, str]


class Profiled(Ours):
    """The worker `Ours`, which also reports the time of each kind of operation."""

    def profile(self, request: str, **arguments: Any) -> Reply:
        """Answer a request as `Ours` does, under the profiler.

        Returns:
            The reply of `Ours`, with the seconds of all operations by kind in `kinds`, and the
            number of operations of each kind in `counts`.
        """
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder)
            found = getattr(self, request)(**arguments)
            tf.profiler.experimental.stop()
            kinds, counts = _by_kind(folder)
        return {**found, "kinds": kinds, "counts": counts}

    def lengths(self, limit: int | None) -> Reply:
        """Return the lengths of the sources of `search`; the outputs have the same lengths."""
        return {"lengths": [len(ids) for ids in protocol.read_sources(str(self.folder))[:limit]]}


def _by_kind(folder: str) -> tuple[dict[str, float], dict[str, int]]:
    """Return seconds and counts of all operations, without nested operations."""
    seconds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for line in _lines(folder):
        for name, own in _own_times(line):
            seconds[name] += own / 1e12
            counts[name] += 1
    operations = {kind: count for kind, count in counts.items() if kind}
    return {kind: seconds[kind] for kind in operations}, operations


def _lines(folder: str) -> Iterator[list[Event]]:
    """Return the events of every thread: begin and end in picoseconds, and kind ("" for none)."""
    for path in Path(folder).rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace()
        space.ParseFromString(path.read_bytes())
        for plane in space.planes:
            if "CPU" in plane.name:
                names = {key: _kind(each.name) for key, each in plane.event_metadata.items()}
                for line in plane.lines:
                    yield [
                        (e.offset_ps, e.offset_ps + e.duration_ps, names[e.metadata_id])
                        for e in line.events
                    ]


def _kind(name: str) -> str:
    """Return the kind of an event, such as `MatMul` for `decoder/MatMul:_MklMatMul`."""
    _, colon, kind = name.rpartition(":")
    if not (colon and kind.isidentifier()) or "::" in name:
        return ""
    return kind.removeprefix("_Mkl").removeprefix("Native").lstrip("_")


def _own_times(events: list[Event]) -> Iterator[tuple[str, int]]:
    """Yield the kind of every event, and its time without nested events."""
    open_: list[list[Any]] = []
    for begin, end, kind in sorted(events, key=lambda event: (event[0], -event[1])):
        while open_ and open_[-1][1] <= begin:
            _, _, *done = open_.pop()
            yield tuple(done)
        if open_:
            open_[-1][3] -= end - begin
        open_.append([begin, end, kind, end - begin])
    for _, _, *done in reversed(open_):
        yield tuple(done)


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    protocol.serve(Profiled(protocol.settings()), versions={"keras": keras.__version__})
