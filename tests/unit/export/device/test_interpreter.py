"""How the runtime of a TFLite file makes room for sources in its interpreters."""

import numpy as np
import pytest

from keras_attention.export.device.interpreter import Runtime


class Reader:
    """A stand-in for an interpreter, which keeps the sources that it reads."""

    def __init__(self):
        self.sources = []

    def get_signature_list(self):
        return dict.fromkeys(["greedy", "greedy_batch"])

    def get_signature_runner(self, signature):
        return self.read

    def read(self, source):
        self.sources.append(source)
        return {}


@pytest.fixture
def readers(monkeypatch):
    """Return a list of the stand-ins that a runtime makes."""
    made = []
    monkeypatch.setattr(Runtime, "_make", lambda *_: made.append(Reader()) or made[-1])
    return made


def make_runtime(longest):
    return Runtime(b"", "m", 1, ["greedy"], longest)


@pytest.mark.parametrize(
    ("longest", "lengths", "read"),
    [
        (1024, [3, 31, 33, 20, 64, 70], [[32, 3, 31], [64, 33, 20, 64], [128, 70]]),
        (1024, [32, 1000], [[32], [1024, 1000]]),
        (40, [3, 40], [[32, 3], [40]]),
        (9, [3, 9], [[9, 3, 9]]),
        # A file of version 0.1 accepts only one length.
        (60, [60, 60], [[60, 60]]),
        (9, [60, 60], [[60, 60]]),
        # `DeviceTranslator.run` accepts sources that are longer than any text.
        (40, [41, 50], [[41], [50]]),
    ],
)
def test_a_source_without_room_is_read_by_a_new_interpreter(readers, longest, lengths, read):
    runtime = make_runtime(longest)
    for length in lengths:
        runtime.run("greedy", {"source": np.ones((1, length), "int32")})
    found = [[source.shape[1] for source in reader.sources] for reader in readers]
    assert found == [[], *read]  # the first one reads only inputs of other signatures


def test_the_first_source_of_an_interpreter_is_padded(readers):
    runtime = make_runtime(5)
    sources = {"greedy": [[4, 2]], "greedy_batch": [[4, 5, 2], [6, 2, 0]]}
    for signature, source in sources.items():
        runtime.run(signature, {"source": np.array(source, "int32")})
    _, greedy, batch = ([source.tolist() for source in reader.sources] for reader in readers)
    assert greedy == [[[4, 2, 0, 0, 0]], sources["greedy"]]
    assert batch == [[[4, 5, 2, 0, 0], [6, 2, 0, 0, 0]], sources["greedy_batch"]]
