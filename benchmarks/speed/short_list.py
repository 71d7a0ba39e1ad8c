"""How much faster is search with a lexical short list, and how much quality does the list cost?

python benchmarks/speed/short_list.py saved_models/multi30k-en-de \
  data/multi30k/tok/val.lc.norm.tok.en data/multi30k/tok/val.lc.norm.tok.de

The list is learned from the training pairs of the model's recipe, like `training.short_list`.
Prints sentences per second of CPU time, and BLEU of the same sentences. Each round measures every
list once, one after the other. Small batches get fewer sentences, because each sentence takes
longer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import report
from driver import Run, pin
from sacrebleu.metrics.bleu import BLEU

from keras_attention.decoding.short_list import ShortList
from keras_attention.files.text_files import read_lines
from keras_attention.training.assembly.short_list import learn_short_list
from keras_attention.training.batches.recipe_batches import make_batches
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.translation.translator import Translator

FEW = 200
"""Number of sentences for batches smaller than 16."""


def learn(folder: Path, translator: Translator, sizes: list[int], data: str) -> dict[int, Any]:
    """Return a short list of each size; None for size 0."""
    recipe = load_recipe(folder / "recipe.toml", [f"data.folder={data}"] if data else [])
    pairs, _ = split_pairs(recipe.data, recipe.seed)
    lists: dict[int, ShortList | None] = {}
    for size in sizes:
        batches = make_batches(recipe, translator.codec, pairs, batch_size=64)
        lists[size] = learn_short_list(translator, batches.once(), size) if size else None
    return lists


def measure(
    translator: Translator, texts: list[str], lists: dict[int, Any], rounds: int, **options: Any
) -> tuple[dict[int, list[dict[str, float]]], dict[int, list[str]]]:
    """Return the seconds of each round, and the outputs, for each size of the list.

    Round 0 is a warm-up on a few texts and is left out.
    """
    seconds: dict[int, list[dict[str, float]]] = {size: [] for size in lists}
    outputs: dict[int, list[str]] = {}
    for number in range(rounds + 1):
        for size, short_list in lists.items():
            translator.short_list = short_list
            wall, cpu = time.perf_counter(), time.process_time()
            found = translator(texts if number else texts[:FEW], **options)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"round {number} of {rounds}, {size}, {options}: {cpu:.2f} s", file=sys.stderr)
            if number:
                seconds[size].append({"wall": wall, "cpu": cpu})
                outputs[size] = [translation.text for translation in found]
    return seconds, outputs


def rows_of(
    seconds: dict[int, list[dict[str, float]]], outputs: dict[int, list[str]], reference: list[str]
) -> list[dict[str, Any]]:
    """Return a row per list: its rate, its speedup over search without a list, and BLEU."""
    metric = BLEU(tokenize="none", force=True)
    rows = []
    for size, found in seconds.items():
        pairs = zip(seconds.get(0, found), found, strict=True)
        rows.append(
            {
                "short list": size or "none",
                "sentences": len(reference),
                "sentences/cpu-s": len(reference) / statistics.median(f["cpu"] for f in found),
                "times none": statistics.median(none["cpu"] / f["cpu"] for none, f in pairs),
                "BLEU": metric.corpus_score(outputs[size], [reference]).score,
            }
        )
    return rows


def numbers(text: str) -> list[int]:
    """Parse integers that are separated by commas."""
    return [int(number) for number in text.split(",")]


def options_of(description: str) -> argparse.Namespace:
    """Parse the command line."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("model", type=Path, help="a run folder, with its recipe.toml")
    options.add_argument("source", type=Path, help="sentences, one per line")
    options.add_argument("reference", type=Path, help="translations, tokenized like the outputs")
    options.add_argument("--data", default="", help="folder of the recipe's data, if it has moved")
    options.add_argument(
        "--sizes", type=numbers, default=[0, 20, 50], help="sizes of the lists; 0 is no list"
    )
    options.add_argument("--batches", type=numbers, default=[64, 1], help="sizes of batches")
    options.add_argument("--beam", type=int, default=5)
    options.add_argument("--length-penalty", type=float, default=1.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1, help="cores")
    options.add_argument("--output", type=Path, help="JSON file; default benchmarks/results/")
    options.set_defaults(quick=False, tiny=False)
    return options.parse_args()


def main() -> None:
    options = options_of(__doc__ or "")
    pin(options.threads)
    run = Run(options, options.rounds, [], [])
    texts, reference = (list(read_lines(path)) for path in (options.source, options.reference))
    translator = Translator.load(options.model)
    lists = learn(options.model, translator, options.sizes, options.data)
    tables, raw = {}, {}
    for batch in options.batches:
        count = len(texts) if batch >= 16 else FEW
        name = f"batches of {batch}, beam {options.beam}"
        settings = {"beam_width": options.beam, "length_penalty": options.length_penalty}
        raw[name], outputs = measure(
            translator, texts[:count], lists, run.rounds, batch_size=batch, **settings
        )
        tables[name] = rows_of(raw[name], outputs, reference[:count])
        report.show(name, tables[name])
    report.save(run, "short_list", tables, raw, {})


if __name__ == "__main__":
    main()
