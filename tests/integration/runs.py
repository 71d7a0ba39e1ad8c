"""Settings of the small run that these tests share, and functions for run folders."""

import hashlib
import math
import shutil

import pytest

SETTINGS = [
    "size=3000",
    "held_out=300",
    "epochs=2",
    "units=32",
    "embedding=16",
    "batch_size=64",
    "learning_rate=0.01",
]


def overrides(*settings):
    """Return the settings as arguments of the command line."""
    return [argument for setting in settings for argument in ("--set", setting)]


def contents(folder):
    """Return every file and folder in a folder, with a hash of each file's content."""
    return {
        str(path.relative_to(folder)): hashlib.sha1(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in folder.rglob("*")
    }


def copy_after(intervals, folder, monkeypatch):
    """Copy a run to `folder` after `intervals` validations, as if it had been killed then."""
    from keras_attention.training.callbacks.checkpoint import Checkpoint

    write = Checkpoint.on_epoch_end

    def write_and_copy(self, epoch, logs=None):
        write(self, epoch, logs)
        if epoch + 1 == intervals:
            shutil.copytree(self.folder.path, folder)

    monkeypatch.setattr(Checkpoint, "on_epoch_end", write_and_copy)


def train_eagerly(patch):
    """Train and search without graphs, and draw no pictures.

    Both would take longer than a few steps and a few short outputs.
    """
    from keras_attention.models.seq2seq import Seq2Seq
    from keras_attention.training.callbacks.samples import ShowSamples

    patch.setattr(Seq2Seq, "run_eagerly", property(lambda model: True, lambda model, value: None))
    patch.setattr(ShowSamples, "on_epoch_end", lambda *arguments: None)
    search_eagerly(patch)


def search_eagerly(patch, longest=100):
    """Search without graphs, because tracing a graph takes longer than a few short searches.

    Sources with more tokens than `longest` are searched with graphs, because every token would take
    a step in Python.
    """
    from keras_attention.translation.searches import compiled_search

    compile_arrays = compiled_search.compile_arrays

    def compile_long(function, inputs):
        compiled = compile_arrays(function, inputs)
        if function.__name__ == "begin":  # its graph's outputs are the inputs of each step
            return compiled

        def run(source, *others):
            return (compiled if source.shape[1] > longest else function)(source, *others)

        return run

    patch.setattr(compiled_search, "compile_arrays", compile_long)


class GraphEncoder:
    """A model for searches, whose encoder is a graph. It is traced once for all shapes.

    Without a graph, the encoder of a long source takes most of the time of a search.
    """

    def __init__(self, model):
        import tensorflow as tf

        self._model = model
        ids = tf.TensorSpec([None, None], tf.int32)
        self.encode = tf.function(model.encode, input_signature=[ids], autograph=False)

    def __getattr__(self, name):
        return getattr(self._model, name)


def without_graphs(translator):
    """Return a copy whose searches take their steps without graphs, and that remembers its outputs.

    Its exports have graphs as usual. Many tests compare an export with the translations of the same
    texts, so each text is translated only once with the same options. Do not change the weights of
    the copy. Samples are not remembered, because they depend on the position of a text.
    """
    from keras_attention import Translator
    from keras_attention.translation.searches.compiled_search import Searches

    class EagerSearches(Searches):
        def _find(self, *arguments):
            with pytest.MonkeyPatch.context() as patch:
                search_eagerly(patch, longest=math.inf)  # the encoder has a graph
                return super()._find(*arguments)

    class RememberingTranslator(Translator):
        def __init__(self, model, codec, short_list=None, **parts):
            super().__init__(model, codec, short_list, **parts)
            self._searches, self._known = EagerSearches(GraphEncoder(model)), {}

        def limit_outputs(self, **limit):
            self._known.clear()
            super().limit_outputs(**limit)

        def __call__(self, texts, **options):
            if isinstance(texts, str):
                return self([texts], **options)[0]
            texts = list(texts)
            if options.get("sample"):
                return super().__call__(texts, **options)
            own = self.codec.settings  # options with these values change nothing
            changed = [(k, v) for k, v in options.items() if repr(getattr(own, k, None)) != repr(v)]
            known = self._known.setdefault(repr(sorted(changed)), {})
            new = [text for text in dict.fromkeys(texts) if text not in known]
            known.update(zip(new, super().__call__(new, **options), strict=True))
            return [known[text] for text in texts]

        def score(self, *arguments, **options):
            with pytest.MonkeyPatch.context() as patch:
                search_eagerly(patch)
                return super().score(*arguments, **options)

    parts = translator._parts._asdict()
    return RememberingTranslator(**parts, max_tokens=translator.max_tokens)
