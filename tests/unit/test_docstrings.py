"""The examples in the docstrings run and return the shown results."""

import doctest
import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

import keras_attention

PACKAGES = "keras_attention", "keras_attention.training", "keras_attention.export"
TENSORFLOW = re.compile(r"^(import|from) tensorflow", re.MULTILINE)


def modules_with_examples():
    """Find the modules with examples, without importing them, and map their names to files."""
    found = {}
    for package in PACKAGES:
        (root,) = find_spec(package).submodule_search_locations
        for path in sorted(Path(root).rglob("*.py")):
            name = ".".join([package, *path.relative_to(root).with_suffix("").parts])
            if ">>> " in path.read_text(encoding="utf-8"):
                found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules_with_examples()


@pytest.mark.parametrize("name", MODULES)
def test_examples_return_the_shown_results(name):
    if keras.backend.backend() != "tensorflow" and TENSORFLOW.search(MODULES[name].read_text()):
        pytest.skip("this module needs the TensorFlow backend")
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", keras_attention.__all__)
def test_public_names_have_docstrings_and_layers_have_examples(name):
    thing = getattr(keras_attention, name)
    kinds = keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric
    if not (isinstance(thing, type) and issubclass(thing, kinds)):
        assert thing.__doc__
    elif thing is not keras_attention.AttentionMechanism:  # an abstract class has no example
        assert doctest.DocTestParser().get_examples(thing.__doc__)
