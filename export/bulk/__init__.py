"""Translation of many files with Apache Beam, on one machine or on a cluster.

    files       `open_inputs` lists them, `ReadChunks` reads them in chunks of lines
    -> answers  `ChunkHandler`, a `ModelHandler` of Beam's `RunInference`, translates each chunk
    -> records  `FormatChunk` turns answers into lines of a shard or of the dead letters
    -> shards   `WriteFile` writes each file as a whole, `Finish` moves all of them to their places

`BulkTranslation` joins these steps. They form one chain without side inputs, because some runners,
such as the one for Dask, support nothing else. Use `TranslationHandler` in your own pipelines.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
