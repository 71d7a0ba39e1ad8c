"""Learns the tokenizers once, and writes the token ids for all systems.

python benchmarks/speed/prepare.py '{"data": "data/multi30k", "folder": "...", ...}'

The other scripts run this one when they need it. Its results are kept in a temporary folder.
"""

from __future__ import annotations

import json
import random
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.errors import InputError
from keras_attention.files.text_files import read_lines
from keras_attention.training.assembly.build import build_codec
from keras_attention.training.batches.recipe_batches import make_batches
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.recipe import Recipe, load_recipe

Batch = tuple[np.ndarray, np.ndarray]


def make_recipe(config: dict[str, Any]) -> Recipe:
    """Return the settings of all comparisons as a recipe; `ours` sets the attention."""
    settings = {
        "data.folder": config["data"],
        "text.subword_type": "bpe",
        "text.source_vocabulary_size": config["vocabulary"],
        "text.target_vocabulary_size": config["vocabulary"],
        "model.score": "general",
        "model.embedding": config["embedding"],
        "model.units": config["units"],
        "model.attention_units": 0,
        "training.batch_size": config["batch"],
        "training.learning_rate": 0.001,
        "training.schedule": "constant",
        "training.warmup": 0,
        "training.label_smoothing": 0.0,
        "training.ema": 0.0,
        "training.clip_norm": 1.0,
        "training.epochs": 1,
        "decoding.max_length": config["max_length"],
        "data.max_source_length": config["max_length"],
        "data.max_target_length": config["max_length"],
    }
    plain = ["embedding_dropout", "memory_dropout", "output_dropout"]
    plain = [f"model.{name}=0.0" for name in plain]
    plain += [
        "model.placement=after",
        "model.input_feeding=false",
        "model.layer_norm=false",
        "model.deep_output=false",
        "model.tie_embeddings=none",
    ]
    written = [f"{key}={value}" for key, value in settings.items()]
    return load_recipe("multi30k-en-de", [*written, *plain])


def main() -> None:
    config = json.loads(sys.argv[1])
    recipe, folder = make_recipe(config), Path(config["folder"])
    training, _ = split_pairs(recipe.data, recipe.seed)
    codec = build_codec(recipe, training[: config["learn_from"] or None])
    pairs = random.Random(recipe.seed).sample(training, min(config["pairs"], len(training)))
    batches = make_batches(recipe, codec, pairs, batch_size=config["batch"])
    bucketed = [
        (source.numpy(), target.numpy())
        for (source, _), target in islice(batches.stream(), config["batches"])
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in codec.to_files().items():
        (folder / name).write_bytes(content)
    for side, name in enumerate(("train.source", "train.target")):
        lines = "".join(pair[side] + "\n" for pair in pairs)
        (folder / name).write_text(lines, encoding="utf-8", newline="\n")
    recipe.save(folder / "recipe.toml")
    save(folder / "bucketed.npz", bucketed)
    save(folder / "plain.npz", shuffle(bucketed, recipe.seed))
    texts = list(islice(read_lines(Path(config["data"]) / "val.en"), config["sentences"]))
    (folder / "sources.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    sources = [codec.source.encode(text)[-config["max_length"] :] for text in texts]
    # Written last, because it marks the data as complete.
    (folder / "sources.json").write_text(json.dumps(sources), encoding="utf-8")


def shuffle(batches: list[Batch], seed: int) -> list[Batch]:
    """Return the same pairs in random order, in batches of the same sizes."""
    pairs = [
        (source[source > 0], target[target > 0])
        for sources, targets in batches
        for source, target in zip(sources, targets, strict=True)
    ]
    random.Random(seed).shuffle(pairs)
    sizes, rest = [len(source) for source, _ in batches], iter(pairs)
    drawn = [list(islice(rest, size)) for size in sizes]
    return [tuple(_pad([pair[side] for pair in group]) for side in (0, 1)) for group in drawn]


def _pad(rows: list[np.ndarray]) -> np.ndarray:
    padded = np.zeros((len(rows), max(map(len, rows))), "int32")
    for to, row in zip(padded, rows, strict=True):
        to[: len(row)] = row
    return padded


def save(path: Path, batches: list[Batch]) -> None:
    """Write batches in the format of `protocol.read_batches`."""
    arrays = {}
    for index, (source, target) in enumerate(batches):
        arrays[f"source_{index}"], arrays[f"target_{index}"] = source, target
    np.savez(path, **arrays)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
