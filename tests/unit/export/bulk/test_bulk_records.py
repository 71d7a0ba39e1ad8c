import pytest

pytest.importorskip("apache_beam")
from keras_attention.errors import InputError
from keras_attention.export.bulk.chunks import Chunk
from keras_attention.export.bulk.records import COUNTERS, FormatChunk, RecordFormat
from keras_attention.translation.result import Translation


class Counter:
    def __init__(self):
        self.value = 0

    def inc(self, value):
        self.value += value


def test_the_counters_of_a_chunk():
    answers = [
        Translation("ab", ("a", "b", "</s>"), (), ()),
        Translation("x", ("x", "</s>"), (), ("x",)),
        Translation("y", ("y", "</s>"), ()),  # it is not known whether the tokens are unknown
        InputError("a.txt, line 4: not UTF-8."),
    ]
    chunk = Chunk(0, "a.txt", 1, 0, [getattr(each, "source", each) for each in answers])
    step = FormatChunk(RecordFormat(), 1)
    step.counters = {name: Counter() for name in COUNTERS}
    list(step.process((chunk, answers)))
    assert {name: counter.value for name, counter in step.counters.items()} == {
        "lines": 4,
        "translated": 0,
        "refused": 4,
        "with unknown tokens": 1,
        "source tokens": 7,
        "target tokens": 0,
        "batches": 1,
    }
