"""How do the time and the memory of a TFLite file depend on the length of the source?

python benchmarks/speed/device_lengths.py --export files/after
python benchmarks/speed/device_lengths.py before=files/before-64 ... after=files/after-64

The first command exports an untrained model of 1.2 million parameters with the installed version.
It writes `NAME-64.PRECISION.tflite` and `NAME-1024.PRECISION.tflite`; the number is the value of
`max_source_length`. To compare versions, also run this command with an older version. The second
command translates texts of several lengths with each file, and writes a table.

Each measurement runs in a separate process, pinned to one core, because the table shows the peak of
resident memory. Times are CPU times: `first ms` of loading the file and of the first translation,
and `ms` of one later translation, the median of seven. The table shows the median of the rounds. An
untrained model does not end its outputs, so each output has 64 tokens, which is the maximum.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import report
from driver import Run, pin

LETTERS = "abcdefgh "
PRECISIONS = ("float32", "int8")
DECLARED = (64, 1024)
MEASURED = ("first ms", "ms", "peak MiB")


def export(name: Path) -> None:
    """Write the files of an untrained model with attention before the LSTM."""
    import keras

    from keras_attention import BahdanauAttention, CharacterTokenizer, Seq2Seq, Vocabulary
    from keras_attention.export.tflite.conversion import Converted
    from keras_attention.translation.translator import Translator

    keras.utils.set_random_seed(1)
    letters = CharacterTokenizer(Vocabulary(LETTERS))
    size = len(letters.vocabulary)
    attention = BahdanauAttention(256)
    model = Seq2Seq(size, size, units=256, embedding=128, attention=attention, placement="before")
    model.build()
    name.parent.mkdir(parents=True, exist_ok=True)
    for declared in DECLARED:
        lengths = {"max_source_length": declared, "max_length": 64}
        made = Translator.from_model(model, letters, letters, **lengths)
        converted = Converted.of(made)
        for precision in PRECISIONS:
            converted.write(f"{name}-{declared}.{precision}.tflite", precision)


def measure(file: str, length: int, beam: bool) -> dict[str, float] | None:
    """Return the times and memory of a translation; None if the file refuses the text."""
    from keras_attention.export.device.device_translator import DeviceTranslator

    import_module("ai_edge_litert.interpreter")  # its time is not part of `first ms`
    text, times, start = (LETTERS * length)[: length - 1], [], time.process_time()
    device = DeviceTranslator.load(file)
    if not device.fits(text):
        return None
    for _ in range(8):
        device(text, beam=beam)
        now = time.process_time()
        times.append(1000 * (now - start))
        start = now
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first ms": times[0], "ms": statistics.median(times[1:]), "peak MiB": peak}


def measured(file: str, length: int, beam: bool) -> dict[str, float] | None:
    """Run `measure` in a separate process, and return its result."""
    words = [sys.executable, __file__, "--measure", file, str(length), str(int(beam))]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def rows_of(files: dict[str, str], lengths: list[int], rounds: int) -> list[dict[str, Any]]:
    """Return a row for each length, precision and search. The files take turns."""
    rows = []
    for precision in PRECISIONS:
        for beam in (False, True):
            for length in lengths:
                row: dict[str, Any] = {"precision": precision, "beam": 4 if beam else 1}
                row["source tokens"] = length
                turns = [
                    {name: measured(f"{file}.{precision}.tflite", length, beam)}
                    for _ in range(rounds)
                    for name, file in files.items()
                ]
                for name in files:
                    found = [each for turn in turns if (each := turn.get(name))]
                    for what in MEASURED:
                        values = [each[what] for each in found]
                        middle = statistics.median(values) if values else "refused"
                        row[f"{name}, {what}"] = middle
                rows.append(row)
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        file, length, beam = sys.argv[2:]
        print(json.dumps(measure(file, int(length), beam == "1")))
        return
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("files", nargs="*", help="NAME=PATH of files, without .PRECISION.tflite")
    options.add_argument("--export", type=Path, help="write files instead, with this path's name")
    options.add_argument("--lengths", default="10,50,200,1000", help="tokens of the sources")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    if given.export:
        export(given.export)
        return
    given.threads, given.isa, given.quick, given.tiny = 1, "all", False, False
    files = dict(each.split("=", 1) for each in given.files)
    pin(given.threads)
    rows = rows_of(files, list(map(int, given.lengths.split(","))), given.rounds)
    report.show("Time and memory by the length of the source", rows)
    run = Run(given, given.rounds, [], [])
    report.save(run, "device_lengths", {"lengths": rows}, {}, {})


if __name__ == "__main__":
    main()
