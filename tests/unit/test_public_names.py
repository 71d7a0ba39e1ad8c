"""The stubs list all public names, and importing a package loads no large library."""

import importlib
import json
import subprocess
import sys

import pytest

import keras_attention
from keras_attention.attention.registry import MECHANISMS

PACKAGES = [
    *("keras_attention", "keras_attention.training", "keras_attention.export"),
    *("keras_attention.training.data", "keras_attention.training.recipe"),
    *("keras_attention.export.device", "keras_attention.export.saved_model"),
    "keras_attention.export.tflite",
]
LIGHT = f"""
import importlib, json, sys
packages = [importlib.import_module(name) for name in {PACKAGES}]
import keras_attention.attention.registry
packages[1].load_recipe("dates")
heavy = {{"keras", "tensorflow", "ai_edge_litert", "matplotlib"}}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""


def test_packages_recipes_and_the_registry_load_neither_keras_nor_tensorflow():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_can_be_imported(package):
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith(package)
        assert name in dir(module)


def test_the_stub_contains_every_registered_mechanism():
    registered = {row.class_name for row in MECHANISMS.values() if row.path}
    assert not registered - set(keras_attention.__all__)
    for row in MECHANISMS.values():
        if row.path:
            assert getattr(keras_attention, row.class_name).__module__ == row.module


def test_a_name_that_is_not_public_raises_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'keras_attention\.export' has no attribute 'nothin"):
        importlib.import_module("keras_attention.export").nothing  # noqa: B018
