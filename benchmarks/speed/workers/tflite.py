"""The TFLite export in its runtime, without TensorFlow: one source at a time, or in batches."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import protocol
from ai_edge_litert.interpreter import Interpreter
from protocol import Reply, measured

from keras_attention.export.device.device_file import BATCHED


class Exported:
    """The files that `ours` exported into the folder."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, Path(config["folder"])
        self.interpreters: dict[str, Any] = {}

    def prepare_search(self) -> Reply:
        """Load every variant, and reply with their sizes."""
        sizes = {}
        for path in sorted((self.folder / self.config["attention"]).glob("*.tflite")):
            interpreter = Interpreter(str(path), num_threads=self.config["threads"])
            self.interpreters[path.stem] = interpreter  # its runners do not keep it alive
            sizes[path.stem] = path.stat().st_size / 2**20
        return {"mib": sizes}

    def latency(self, count: int, variant: str) -> Reply:
        """Run greedy search for one source at a time."""
        sources = protocol.read_sources(str(self.folder))[:count]
        runner = self.interpreters[variant].get_signature_runner("greedy")
        width = self.config["max_length"]

        def search(ids: list[int]) -> Any:
            source = np.zeros((1, width), "int32")
            source[0, : len(ids)] = ids
            return runner(source=source)["tokens"][0]

        return protocol.one_by_one(sources, search)

    def search(self, beam: int, variant: str, limit: int | None = None) -> Reply:
        """Translate all sources in batches of the file's size, in the order of their length."""
        sources, size = protocol.read_sources(str(self.folder))[:limit], int(variant.split("-")[1])
        signature = BATCHED["greedy" if beam == 1 else "beam"]
        runner = self.interpreters[variant].get_signature_runner(signature)
        outputs = []
        with measured() as found:
            for batch in protocol.cut(sources, size, by_length=True):
                source = np.pad(batch, ((0, size - len(batch)), (0, 0)), mode="edge")
                tokens = runner(source=source)["tokens"][: len(batch)]
                outputs.append(tokens if beam == 1 else tokens[:, 0])
        return {**found, "sentences": len(sources), "tokens": protocol.count_tokens(outputs)}


if __name__ == "__main__":
    exported = Exported(protocol.settings())
    protocol.serve(exported, versions={"ai-edge-litert": version("ai-edge-litert")})
