"""Measures how many outputs stay the same if a part of a model is rounded, and the file's size.

The TFLite precision "mixed" is based on these measurements. The script first stores one part at a
time in int8 and all others in float32; the inputs of that part's matrix products are rounded too.
Then it tries each rule for the whole model: "int8", "weights alone" and "mixed". It compares the
outputs of greedy search with the Keras model's.

    python benchmarks/precisions.py saved_models/multi30k-en-de --lines 1000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from keras_attention.cli.command_parts.evaluation_pairs import evaluation_pairs
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.tflite.conversion import RULES, Converted
from keras_attention.export.verify import measure_agreement
from keras_attention.translation.translator import Translator

PARTS = (
    "source_embedding",
    "target_embedding",
    "encoder/",
    "bridge",
    "key_projection",
    "query_projection",
    "decoder/cell/lstm",
    "attentional_projection",
    "output_projection",
)
EVERYWHERE = {"int8": "int8", "int8_weights": "weights alone"}


def main() -> None:
    """Print a row per part, and a row per rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--lines", type=int, default=500)
    options = parser.parse_args()
    translator = Translator.load(options.model)
    paths = [weight.path for weight in translator.single_model.weights if len(weight.shape) == 2]
    sources = [source for source, _ in evaluation_pairs(options.model)[0][: options.lines]]
    converted = Converted.of(translator)
    translator = Translator(translator.model, translator.codec)  # without a short list
    rules = {part: {part: "int8", "": "float32"} for part in PARTS if any(part in p for p in paths)}
    rules |= {name: {"": kind} for kind, name in EVERYWHERE.items()} | {"mixed": RULES["mixed"]}
    print("| rounded | equal outputs | bytes |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, rule in rules.items():
            file = converted.write(Path(folder) / "model.tflite", name, rule)
            device = DeviceTranslator.load(file)
            lines = [line for line in sources if device.fits(line)]
            agreement = measure_agreement(name, translator(lines, beam_width=1), device(lines))
            print(f"| {name} | {agreement.exact_match:.1%} | {file.stat().st_size:,} |", flush=True)


if __name__ == "__main__":
    main()
