"""The pipeline that translates files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference

from keras_attention.translation.result import Translate

from .chunks import Chunk, InputFile, ReadChunks
from .handlers import ChunkHandler
from .output_files import Finish, OutputFiles, WriteFile
from .records import FormatChunk, RecordFormat


class BulkTranslation(beam.PTransform):
    """Translates files into shards and a file of dead letters.

    The output does not depend on the runner, on its bundles or on the number of workers: a chunk
    always has the same lines, and belongs to the same shard.

    Args:
        inputs: the files; see `open_inputs`.
        load: loads the model in a worker; it can be pickled.
        outputs: the files to write.
        size: number of lines in a chunk, which are translated together.
        form: the format of the output.
        progress: see `FormatChunk`.
    """

    def __init__(
        self,
        inputs: Sequence[InputFile],
        load: Callable[[], Translate],
        outputs: OutputFiles,
        *,
        size: int,
        form: RecordFormat,
        progress: str = "",
    ) -> None:
        super().__init__()
        self.inputs, self.load, self.outputs = list(inputs), load, outputs
        self.size, self.form, self.progress = size, form, progress

    def expand(self, begin: Any) -> Any:
        """Return the steps. Chunks without lines make sure that every file is written."""
        shards = self.outputs.shards
        empty = [Chunk(-1, "", 0, number) for number in range(shards)]
        return (
            begin
            | "Files" >> beam.Create([*self.inputs, *empty])
            | "Read" >> beam.ParDo(ReadChunks(self.size, shards))
            | "Spread" >> beam.Reshuffle()
            | "Translate" >> RunInference(ChunkHandler(self.load))
            | "Format" >> beam.ParDo(FormatChunk(self.form, shards, self.progress))
            | "Collect" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(WriteFile(self.outputs))
            | "Wait" >> beam.GroupByKey()
            | "Finish" >> beam.ParDo(Finish(self.outputs))
        )
