"""The TFLite export in its runtime, without TensorFlow: one source at a time, greedy."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import protocol
from ai_edge_litert.interpreter import Interpreter
from protocol import Reply


class Exported:
    """The files that `ours` exported into the folder."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, Path(config["folder"])
        self.runners: dict[str, Any] = {}

    def prepare_search(self) -> Reply:
        """Load every variant, and reply with their sizes."""
        sizes = {}
        for path in sorted((self.folder / self.config["attention"]).glob("*.tflite")):
            interpreter = Interpreter(str(path), num_threads=self.config["threads"])
            # The runner does not keep its interpreter alive.
            runner = interpreter.get_signature_runner("greedy")
            self.runners[path.stem] = interpreter, runner
            sizes[path.stem] = path.stat().st_size / 2**20
        return {"mib": sizes}

    def latency(self, count: int, variant: str) -> Reply:
        """Run greedy search for one source at a time."""
        sources = protocol.read_sources(str(self.folder))[:count]
        _, runner = self.runners[variant]
        width = self.config["max_length"]

        def search(ids: list[int]) -> Any:
            source = np.zeros((1, width), "int32")
            source[0, : len(ids)] = ids
            return runner(source=source)["tokens"][0]

        return protocol.one_by_one(sources, search)


if __name__ == "__main__":
    exported = Exported(protocol.settings())
    protocol.serve(exported, versions={"ai-edge-litert": version("ai-edge-litert")})
