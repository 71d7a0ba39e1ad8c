"""Helpers for the tests of layers, models and search: weights, gradients and `check_layer`."""

import gc
import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import (
    BahdanauAttention,
    CoverageAttention,
    LocationAwareAttention,
    QueryKeyValueAttention,
    ScaledDotProductAttention,
    Seq2Seq,
    Translator,
)
from keras_attention.attention import registry
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.special_tokens import END_ID
from keras_attention.translation.codec import TextCodec

BACKEND = keras.backend.backend()

SIZES = {
    **{"attention_units": 5, "heads": 1, "window": 3, "max_source_length": 9, "content": "luong"},
    **{"score": "general", "scale": False, "normalize": False, "mapping": "softmax"},
}


def from_row(name, **settings):
    """Return a function that builds a mechanism with `SIZES` and the arguments of its call."""
    return lambda **options: registry.MECHANISMS[name].build({**SIZES, **settings}, **options)


RENAMED = ("luong", "multi-head", "none")
# The registry's mechanisms as recipes build them, except those in RENAMED, and some variants.
MECHANISMS = {
    **{name: from_row(name) for name in registry.MECHANISMS if name not in RENAMED},
    "normed": from_row("bahdanau", normalize=True),
    "dot": from_row("luong", score="dot"),
    "general": from_row("luong"),
    "concat": from_row("luong", score="concat"),
    "location": from_row("luong", score="location"),
    "scaled": from_row("luong", score="dot", scale=True),
    "location-aware": lambda **options: LocationAwareAttention(5, 2, 3, **options),
    "fertility": lambda **options: CoverageAttention(5, fertility=2, normalize=True, **options),
    "local-m": from_row("local-m", window=2),
    "local-p": from_row("local-p", content="bahdanau", window=2),
    "scaled dot product": lambda **options: ScaledDotProductAttention(**options),
    "heads": lambda **options: QueryKeyValueAttention(3, heads=2, output_units=4, **options),
    "additive heads": lambda **options: QueryKeyValueAttention(
        3, heads=2, value_units=2, content=BahdanauAttention(5, **options), **options
    ),
}

# Mechanisms whose weights may sum to less than 1.
PARTIAL = ("local-p", "monotonic", "chunkwise")

# Mechanisms that ignore the query and use the same vectors at every step. They have no alignment.
BLIND = tuple(name for name, row in registry.MECHANISMS.items() if row.path and not row.alignment)


def tensorflow_only(reason):
    return pytest.mark.skipif(BACKEND != "tensorflow", reason=f"TensorFlow only: {reason}")


def cases(names, values, *, elsewhere):
    """Parametrize a test with `values` on TensorFlow, and with `elsewhere` on other backends.

    A case elsewhere must test something that depends on the backend: an operation, a loop, a
    gradient. JAX compiles a program for each case.
    """
    return pytest.mark.parametrize(names, values if BACKEND == "tensorflow" else elsewhere)


def normal(*shape, seed=0, scale=1.0):
    """Return float32 noise that is the same in every run and on every backend."""
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def randomize(layer, seed=0, scale=0.7):
    """Replace every weight and bias with noise, so that none keeps an initial zero or one."""
    rng = np.random.default_rng(seed)
    drawn = [scale * rng.standard_normal(w.shape) for w in layer.get_weights()]
    # Make scalars positive: with a negative one, monotonic attention might never stop.
    layer.set_weights([x if np.ndim(x) else abs(x) for x in drawn])
    return layer


def random_translator(source, target=None, lengths=(16, 12), *, seed=0, ends=0.0, **options):
    """Return a translator with a small model; large weights make its outputs depend on the source.

    `lengths` are the longest source and the longest output; `ends` is added to the logit of `</s>`.
    """
    codec = TextCodec(source, target or source, SearchSettings(*lengths))
    sizes = len(codec.source.vocabulary), len(codec.target.vocabulary)
    model = Seq2Seq(*sizes, **{"units": 8, "embedding": 4, **options})
    model.build()
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    if ends:
        model.output_projection.bias.assign_add(np.where(np.arange(sizes[1]) == END_ID, ends, 0.0))
    return Translator(model, codec)


def to_numpy(tensors):
    """Convert a nested structure to NumPy arrays; float16 and bfloat16 become float32."""

    def convert(x):
        narrow = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
        return ops.convert_to_numpy(ops.cast(x, "float32") if narrow else x)

    return keras.tree.map_structure(convert, tensors)


def doubles(*weights):
    """Return weights as float64 arrays, for the NumPy references."""
    return [np.asarray(to_numpy(weight.value), "float64") for weight in weights]


def assert_close(actual, expected, rtol=1e-5, atol=2e-6):
    """Assert that two nested structures have the same shapes and nearly equal values."""
    actual, expected = to_numpy(actual), to_numpy(expected)
    keras.tree.assert_same_structure(actual, expected)
    for a, b in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, strict=a.dtype == b.dtype)


def compiled(function, layer):
    """Compile a function of tensors; each call uses the current values of `layer`'s weights.

    On PyTorch, return the function itself, because the library does not compile there.
    """
    if BACKEND == "torch":
        return function
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    import jax

    @jax.jit
    def run(values, *arrays):
        with keras.StatelessScope(zip(layer.variables, values, strict=True)):
            return function(*arrays)

    return lambda *arrays: run([v.value for v in layer.variables], *arrays)


def live_graphs():
    """Return the ids of the TensorFlow graphs that are still in memory."""
    gc.collect()
    return {id(found) for found in gc.get_objects() if type(found).__name__ == "FuncGraph"}


def evaluated(function, layer):
    """Return `function`, compiled if that is faster for a single run on this backend."""
    return function if BACKEND == "tensorflow" else compiled(function, layer)


def gradients(function, variables, *arrays):
    """Return `(value, gradients)` of a scalar function, for `variables` and then for `arrays`."""
    points = [ops.convert_to_tensor(x) for x in (*map(ops.convert_to_numpy, variables), *arrays)]
    count = len(variables)

    def value(*points):
        with keras.StatelessScope(zip(variables, points[:count], strict=True)):
            return function(*points[count:])

    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            for point in points:
                tape.watch(point)
            result = value(*points)
        slopes = tape.gradient(result, points, unconnected_gradients="zero")
        return float(result), to_numpy(slopes)
    if BACKEND == "torch":
        return _torch_gradients(value, points)
    import jax

    result, slopes = jax.jit(jax.value_and_grad(value, argnums=tuple(range(len(points)))))(*points)
    return float(result), to_numpy(list(slopes))


def weighted_sum(tensors, weights):
    """Return the sum of all entries of tensors, times the arrays `weights` of the same shapes."""
    pairs = zip(tensors, map(ops.convert_to_tensor, weights), strict=True)
    return sum(ops.sum(tensor * weight) for tensor, weight in pairs)


def _torch_gradients(value, points):
    import torch

    watched = [point.requires_grad_() for point in points if point.is_floating_point()]
    result = value(*points)
    if not result.requires_grad:  # it does not depend on the points
        return float(result), [np.zeros(point.shape, "float32") for point in watched]
    slopes = torch.autograd.grad(result, watched, allow_unused=True, materialize_grads=True)
    return float(result.detach()), to_numpy(list(slopes))


@keras.saving.register_keras_serializable(package="tests")
class LayerModel(keras.Model):
    """A model of one layer with any nested inputs; it concatenates all outputs to `[B, N]`."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs, training=False):
        trains = "training" in inspect.signature(self.layer.call).parameters
        options = {"training": training} if trains else {}
        outputs = keras.tree.flatten(self.layer(*inputs, **options))
        return ops.concatenate([self._flat(output) for output in outputs], axis=-1)

    @staticmethod
    def _flat(output):
        return ops.reshape(ops.cast(output, "float32"), (ops.shape(output)[0], -1))

    def build_from_config(self, config):
        """Do nothing, because the layer inside was built from its own shapes."""

    def get_config(self):
        return {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["layer"]))


# JAX compiles a program for each policy, so test only bfloat16 there.
NARROW = ("mixed_float16", "mixed_bfloat16") if BACKEND == "tensorflow" else ("mixed_bfloat16",)


def check_layer(layer, *inputs, tmp_path, policies=NARROW):
    """Check config, building, saving, mixed precision and fitting of a layer.

    `layer` must be unbuilt; `inputs` has an example of each call argument.
    """
    _check_config(layer)
    outputs = _check_build(layer, inputs)
    _check_saving(layer, inputs, outputs, tmp_path)
    for policy in policies:
        _check_mixed_precision(layer, policy, inputs, outputs)
    if layer.trainable_weights:
        _check_fit(layer, inputs, outputs)


def _check_config(layer):
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is type(layer)
    assert loaded.get_config() == layer.get_config()


def _check_build(layer, inputs):
    """Check that a symbolic call creates every weight, and that eager outputs have its shapes.

    The symbolic call is made once with a known and once with an unknown batch size.
    """
    assert not layer.built
    known = keras.tree.flatten(layer(*symbols(inputs)))
    assert layer.built
    names = [w.path for w in layer.weights]
    outputs = to_numpy(evaluated(randomize(layer), layer)(*inputs))
    assert [w.path for w in layer.weights] == names
    unknown = keras.tree.flatten(layer(*symbols(inputs, known_batch=False)))
    eager = keras.tree.flatten(outputs)
    assert [x.shape for x in known] == [x.shape for x in eager]
    assert [x.shape for x in unknown] == [(None, *x.shape[1:]) for x in eager]
    return outputs


def symbols(inputs, known_batch=True):
    """Return Keras's symbolic tensors for `inputs`."""

    def placeholder(x):
        return keras.KerasTensor((x.shape[0] if known_batch else None, *x.shape[1:]), x.dtype)

    return keras.tree.map_structure(placeholder, inputs)


def _check_saving(layer, inputs, outputs, tmp_path):
    """Check that a file stores the arguments, the shapes and the weights of a layer."""
    model = LayerModel(layer)
    model(symbols(inputs))
    model.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras").layer
    assert type(loaded) is type(layer) and loaded is not layer
    assert_close(evaluated(loaded, loaded)(*inputs), outputs)


def _check_mixed_precision(layer, policy, inputs, outputs):
    """Check that weights stay float32, and results are similar in the policy's dtype.

    States that accumulate values over steps may be float32, but not the first result.
    """
    twin = type(layer).from_config(with_policy(layer.get_config(), policy))
    twin(*symbols(inputs))
    twin.set_weights(layer.get_weights())
    results = evaluated(twin, twin)(*inputs)
    assert {w.dtype for w in twin.weights} <= {"float32"}
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(results)}
    narrow = policy.removeprefix("mixed_")
    assert dtypes <= {narrow, "float32"}
    assert keras.backend.standardize_dtype(keras.tree.flatten(results)[0].dtype) == narrow
    assert_close(results, outputs, rtol=0.05, atol=0.1)


def with_policy(config, policy):
    """Return a config in which every layer, at any depth, has the dtype policy."""
    if isinstance(config, dict):
        return {k: policy if k == "dtype" else with_policy(v, policy) for k, v in config.items()}
    return config


def _check_fit(layer, inputs, outputs):
    """Check that one step of SGD gives every weight a finite gradient that is not all zero."""
    model = LayerModel(layer)
    # Tracing the step's graph takes longer than the step. The tests of `Seq2Seq` fit with graphs.
    eagerly = BACKEND == "tensorflow"
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse", run_eagerly=eagerly)
    outputs = np.concatenate([x.reshape(len(x), -1) for x in keras.tree.flatten(outputs)], -1)
    before = [to_numpy(w.value) for w in layer.trainable_weights]
    history = model.fit(inputs, outputs + normal(*outputs.shape, seed=9), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        gradient = old - to_numpy(weight.value)
        assert np.isfinite(gradient).all() and np.any(gradient), weight.path


def write_runtime(folder, script=""):
    """Write files where npm installs LiteRT.js: one contains a script, the others are empty.

    Returns:
        The folder.
    """
    from keras_attention.export.web.litert_js import FILES

    for name in FILES:
        file = folder / "node_modules" / "@litertjs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script if name == "core/dist/index.js" else "")
    return folder
