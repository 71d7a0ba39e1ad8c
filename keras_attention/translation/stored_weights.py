"""Check that a `.keras` file has the weights that its config describes, without allocating any."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import h5py
import keras

from keras_attention.errors import InputError
from keras_attention.files.schema import JsonFile, integer, nullable, optional, text
from keras_attention.models.kinds import describe_class
from keras_attention.models.seq2seq import Seq2Seq

Shapes: TypeAlias = "Counter[tuple[int, ...]]"

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.weights.h5"

_CONFIG = JsonFile(
    "the config of a Keras model",
    {"class_name": text(), "registered_name": optional(nullable(text()))},
    finite=False,
)
_COMPILED = ("keras_attention.", "keras.optimizers", "keras.losses", "keras.metrics")
"""Modules of optimizers, losses and metrics. Objects of other modules could have any size."""


def check_weights(archive: zipfile.ZipFile, where: str, *, with_optimizer: bool) -> None:
    """Check that an archive has the weights that its config describes, without allocating any.

    Args:
        archive: The `.keras` file, whose unpacked sizes are already checked.
        where: The file's name in errors.
        with_optimizer: Whether the optimizer, losses and metrics will be loaded too.

    Raises:
        InputError: If it is not a `Seq2Seq`, or its weights are not those that its config
            describes.
        Exception: Any error of Keras, h5py or zipfile about a damaged file.
    """
    config = _CONFIG.parse(archive.read(CONFIG_FILE), f"{where}: {CONFIG_FILE}")
    _check_class(config, where)
    if with_optimizer:
        _check_compiled(config.get("compile_config"), where)
    stored = _stored_shapes(archive, where)
    layers = integer(1, stored.total())
    JsonFile(
        _CONFIG.name,
        {"config": {"encoder_layers": optional(layers), "decoder_layers": optional(layers)}},
        finite=False,
    ).check(config, f"{where}: {CONFIG_FILE}")
    described = _described_shapes({**config, "compile_config": None})
    if described != stored:
        _raise_mismatch(described, stored, where)


def _check_class(config: Mapping[str, Any], where: str) -> None:
    found = keras.saving.get_registered_object(config.get("registered_name"))
    if not (isinstance(found, type) and issubclass(found, Seq2Seq)):
        raise InputError(
            f"{where}: expected a Seq2Seq model. {describe_class(config['class_name'])}"
        )


def _check_compiled(value: Any, where: str) -> None:
    for module in _modules(value):
        if not (isinstance(module, str) and module.startswith(_COMPILED)):
            raise InputError(
                f"{where}: {CONFIG_FILE}: damaged, expected an optimizer, losses and metrics in "
                "`compile_config`. Received: another object."
            )


def _modules(value: Any) -> Iterator[Any]:
    """Yield the module of every serialized object in a value."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value.get("module")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _modules(item)


def _stored_shapes(archive: zipfile.ZipFile, where: str) -> Shapes:
    """Count the shapes of the stored weights, without those of the optimizer."""
    shapes: Shapes = Counter()

    def count(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.nbytes > item.id.get_storage_size():
            raise InputError(
                f"{where}: damaged, expected {item.nbytes} bytes in {name}. "
                f"Received: {item.id.get_storage_size()}."
            )
        if not name.startswith("optimizer/"):
            shapes[tuple(item.shape)] += 1

    with h5py.File(io.BytesIO(archive.read(WEIGHTS_FILE)), "r") as file:
        file.visititems(count)
    return shapes


def _described_shapes(config: Mapping[str, Any]) -> Shapes:
    """Count the shapes of a model's weights, without allocating their values."""

    def describe() -> Shapes:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config)
            if not model.built:
                model.build()
        for layer in (model, model.decoder.cell.attention or model):
            if not isinstance(layer.dtype_policy, keras.DTypePolicy):
                raise ValueError("the `dtype` in its config is not a dtype policy")
        return Counter(tuple(weight.shape) for weight in model.weights)

    # Keras keeps a list of uninitialized weights for each thread and initializes them later, so
    # use a thread that ends.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(describe).result()


def _raise_mismatch(described: Shapes, stored: Shapes, where: str) -> None:
    missing, extra = described - stored, stored - described
    shape = list(min(missing or extra))
    found = "no weight" if missing else "an extra weight"
    raise InputError(
        f"{where}: damaged, expected the weights that its config describes. "
        f"Received: {found} of shape {shape}."
    )
