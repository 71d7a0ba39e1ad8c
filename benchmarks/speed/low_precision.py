"""Which runtime searches in batches fastest with weights of lower precision, on one core?

python benchmarks/speed/low_precision.py --rounds 9

Runs greedy search for a batch of 64 random sources of 20 tokens, with the model sizes of
`search.py` and random weights. No output ends, so every system computes 20 steps of 64 rows. The
systems take turns in one process; ratios are medians over rounds, relative to TensorFlow in
float32. ONNX Runtime runs the exported encoder and step, with the loop in NumPy; its int8 files are
quantized dynamically, with a scale per output. It requires the extra `[onnx]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}

import numpy as np
import report
from driver import FULL, pin

ROWS, STEPS = FULL["search_batch"], 20
START, END = 1, 2
FLOAT32 = "TensorFlow, float32"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Search = Callable[[], Any]


def make_translator() -> Any:
    """Return a translator with random weights whose outputs never end."""
    from keras_attention import LuongAttention, Seq2Seq, Translator, Vocabulary
    from keras_attention.text.tokenizers import make_tokenizer

    words = Vocabulary([f"w{number}" for number in range(FULL["vocabulary"] - 4)])
    sizes = {"units": FULL["units"], "embedding": FULL["embedding"]}
    model = Seq2Seq(*2 * [FULL["vocabulary"]], attention=LuongAttention("general"), **sizes)
    model.build()
    bias = np.zeros(FULL["vocabulary"], "float32")
    bias[END] = -1e6
    model.output_projection.bias.assign(bias)
    sides = (make_tokenizer("word", words) for _ in range(2))
    return Translator.from_model(model, *sides, max_source_length=STEPS, max_length=STEPS)


def in_tensorflow(translator: Any, source: Any, policy: str) -> Search:
    """Return the search of `Translator`, computed with a dtype policy."""
    from keras_attention.decoding.options import SearchOptions
    from keras_attention.translation.model_files import copy_for_inference
    from keras_attention.translation.searches.compiled_search import Searches

    searches = Searches(copy_for_inference(translator.model, dtype=policy))
    options = SearchOptions(max_length=STEPS)
    return lambda: searches(source, options)[0][:, 0]


def in_tflite(converted: Any, source: Any, precision: str, folder: Path) -> Search:
    """Return the batched search of a TFLite file."""
    from ai_edge_litert.interpreter import Interpreter

    file = converted.write(folder / f"{precision}.tflite", precision)
    interpreter = Interpreter(str(file), num_threads=1)
    runner = interpreter.get_signature_runner("greedy_batch")
    return lambda kept=interpreter: runner(source=source)["tokens"]  # keeps the interpreter alive


def in_onnxruntime(folder: Path, source: Any, precision: str) -> Search:
    """Return a greedy search with `encode.onnx` and `step.onnx`."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # the quantizer logs each tensor that it leaves as it is
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = []
    for name in ("encode", "step"):
        path = folder / f"{name}.onnx"
        if precision == "int8":
            lowered = folder / f"{name}-int8.onnx"
            quantize_dynamic(path, lowered, weight_type=QuantType.QInt8, per_channel=True)
            path = lowered
        sessions.append(onnxruntime.InferenceSession(path, options))
    encode, step = sessions
    encoded, stepped = ([each.name for each in session.get_outputs()] for session in sessions)
    read = [each.name for each in step.get_inputs()]

    def search() -> Any:
        named = dict(zip(encoded, encode.run(None, {"source": source}), strict=True))
        named |= {"source": source, "token": np.full(ROWS, START, "int32")}
        tokens = []
        for _ in range(STEPS):
            outputs = step.run(None, {name: named[name] for name in read})
            for name, array in zip(stepped, outputs, strict=True):
                named[name.removeprefix("next_")] = array
            named["token"] = named["log_probabilities"].argmax(axis=1).astype("int32")
            tokens.append(named["token"])
        return np.stack(tokens, axis=1)

    return search


def make_searches(folder: Path) -> dict[str, Search]:
    """Return the searches by the name of their system."""
    from keras_attention.export import export_onnx
    from keras_attention.export.tflite.conversion import Converted

    translator = make_translator()
    source = np.random.default_rng(0).integers(4, FULL["vocabulary"], (ROWS, STEPS), "int32")
    source[:, -1] = END
    converted = Converted.of(translator, batch_size=ROWS)
    onnx = export_onnx(translator, folder / "onnx")
    return {
        FLOAT32: in_tensorflow(translator, source, "float32"),
        "TensorFlow, bfloat16": in_tensorflow(translator, source, "mixed_bfloat16"),
        "TFLite, float32": in_tflite(converted, source, "float32", folder),
        "TFLite, int8": in_tflite(converted, source, "int8", folder),
        "ONNX Runtime, float32": in_onnxruntime(onnx, source, "float32"),
        "ONNX Runtime, int8": in_onnxruntime(onnx, source, "int8"),
    }


def measure(searches: dict[str, Search], rounds: int) -> tuple[list[dict[str, Any]], Any]:
    """Return a row per system, and the seconds of every round."""
    tokens = {name: search() for name, search in searches.items()}  # excludes tracing
    seconds: dict[str, dict[str, list[float]]] = {
        name: {clock: [] for clock in CLOCKS} for name in searches
    }
    for _ in range(rounds):
        for name, search in searches.items():
            begun = {clock: now() for clock, now in CLOCKS.items()}
            search()
            for clock, now in CLOCKS.items():
                seconds[name][clock].append(now() - begun[clock])
    rows = []
    for name, found in seconds.items():
        row = {"system": name, "ms, cpu": 1e3 * statistics.median(found["cpu"])}
        for clock in CLOCKS:
            row[f"speedup, {clock}"] = report.ratio(seconds[FLOAT32], found, clock)
        row["equal tokens"] = float((tokens[name] == tokens[FLOAT32]).mean())
        rows.append(row)
    return rows, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    options = parser.parse_args()
    pin(1)
    with tempfile.TemporaryDirectory() as folder:
        rows, seconds = measure(make_searches(Path(folder)), options.rounds)
    report.show("Greedy search, a batch of 64", rows)
    content = {
        "question": "low precision",
        "date": date.today().isoformat(),
        "command": report.command(),
        "commit": report.commit(),
        "machine": report.machine(1),
        "versions": report.own_versions(),
        "rows": rows,
        "seconds": seconds,
    }
    path = options.output or report.RESULTS / "low_precision.json"
    path.write_text(report.compact(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
