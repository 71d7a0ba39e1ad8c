"""The worker that measures this library: the batches, training and searches of its command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import counter
import keras
import numpy as np
import protocol
from protocol import Reply, measured

from keras_attention.decoding.options import SearchOptions
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.training.assembly.build import build_model
from keras_attention.training.batches.recipe_batches import make_batches
from keras_attention.training.data.pair_files import read_parallel
from keras_attention.training.recipe.recipe import Recipe, load_recipe
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import load_codec
from keras_attention.translation.searches.compiled_search import Searches
from keras_attention.translation.translator import Translator


class Ours:
    """A model of the recipe, its stream of batches and its searches."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, Path(config["folder"])
        self.codec = load_codec(self.folder)
        self.recipe = self._recipe()
        self.model = build_model(self.recipe, self.codec)

    def _recipe(self, precision: str = "float32") -> Recipe:
        placement = "after" if self.config["attention"] == "luong" else "before"
        chosen = [f"attention={self.config['attention']}", f"placement={placement}"]
        return load_recipe(self.folder / "recipe.toml", [*chosen, f"precision={precision}"])

    def prepare_training(self, precisions: Sequence[str] = ("float32",)) -> Reply:
        """Open a stream of batches per precision. Graphs are traced later, in the first steps."""
        pairs = list(read_parallel(self.folder / "train.source", self.folder / "train.target"))
        self.counted = protocol.read_batches(str(self.folder), "bucketed")
        self.trained = {}
        for precision in precisions:
            recipe = self._recipe(precision)
            float32 = precision == "float32"
            model = self.model if float32 else build_model(recipe, self.codec)
            model.make_train_function()
            size = recipe.training.batch_size
            batches = make_batches(recipe, self.codec, pairs, batch_size=size)
            self.trained[precision] = model, iter(batches.stream())
        return {}

    def train(self, first: int, steps: int, precision: str = "float32") -> Reply:
        """Train on the next batches of the stream, with the function that `fit` runs.

        The stream is already at batch `first`; the argument only selects the batches whose tokens
        are counted.
        """
        model, stream = self.trained[precision]
        with measured() as found:
            for _ in range(steps):
                logs = model.train_function(stream)
            loss = float(logs["loss"])
        tokens = protocol.real_tokens(protocol.take(self.counted, first, steps))
        return {**found, "loss": loss, "tokens": tokens}

    def prepare_search(self) -> Reply:
        """Make every output as long as its source; see `counter`."""
        rig(self.model)
        self.searches = Searches(self.model)
        return {}

    def export(self, batch_sizes: Sequence[int] = (1,), beam: int = 1) -> Reply:
        """Write the model and its TFLite files into the folder named after its attention."""
        import exports

        folder, codec = self.folder / self.config["attention"], self.codec
        settings = replace(codec.settings, beam_width=beam)
        translator = Translator(self.model, TextCodec(codec.source, codec.target, settings))
        return {"variants": exports.write_all(translator, folder, batch_sizes)}

    def search(self, beam: int, batches: str = "by_length", limit: int | None = None) -> Reply:
        """Translate all sources in batches."""
        sources = protocol.read_sources(str(self.folder))[:limit]
        cut = protocol.cut(sources, self.config["search_batch"], by_length=batches == "by_length")
        options = SearchOptions(max_length=self.config["max_length"], beam_width=beam)
        with measured() as found:
            outputs = [self.searches(batch, options)[0][:, 0] for batch in cut]
        return {**found, "sentences": len(sources), "tokens": protocol.count_tokens(outputs)}

    def latency(self, count: int) -> Reply:
        """Run greedy search for one source at a time."""
        options = SearchOptions(max_length=self.config["max_length"])
        return protocol.one_by_one(
            protocol.read_sources(str(self.folder))[:count],
            lambda ids: self.searches(np.array([ids], "int32"), options)[0][0, 0],
        )


def rig(model: Seq2Seq, *, endless: bool = False) -> None:
    """Set the counting weights; with `endless`, outputs end only at the search's length limit."""
    cell = model.decoder.cell
    for lstm in (model.encoder.bidirectionals[0].forward_layer, cell.lstms[0]):
        _edit(counter.count, lstm.cell.kernel, lstm.cell.recurrent_kernel, lstm.cell.bias)
    _edit(lambda kernel: counter.hand_on(kernel, 0, -1.0), model.bridge.dense_c[0].kernel)
    threshold = np.tanh(counter.STEP / 2)
    if cell.projects:
        memory = model.encoder.memory_width
        _edit(lambda kernel: counter.hand_on(kernel, memory), cell.attentional_projection.kernel)
        threshold = np.tanh(threshold)
    threshold = -1e6 if endless else threshold
    projection = model.output_projection
    _edit(
        lambda kernel, bias: counter.end_by(kernel, bias, threshold),
        projection.kernel,
        projection.bias,
    )


def _edit(change: Any, *weights: Any) -> None:
    values = [np.array(weight) for weight in weights]
    change(*values)
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)


def main() -> None:
    keras.utils.disable_interactive_logging()
    ours = Ours(protocol.settings())
    protocol.serve(
        ours, versions={"keras": keras.__version__}, parameters=ours.model.count_params()
    )


if __name__ == "__main__":
    main()
