"""A model that may not fit in memory logs a warning before it is built."""

from keras_attention.training.assembly.build import build_codec
from keras_attention.training.assembly.memory import warn_of_memory
from keras_attention.training.recipe.recipe import load_recipe


def test_a_model_larger_than_memory_logs_a_warning(monkeypatch, caplog):
    recipe = load_recipe("copy", ["size=20", "held_out=1", "units=16384"])
    codec = build_codec(recipe, [("ab", "ba")])
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 6_000_000, "SC_PAGE_SIZE": 4096}.get)
    warn_of_memory(recipe.name, recipe.model, codec)
    assert caplog.messages == [
        "copy: the model has over 1.6 billion parameters, which need over 26 GB of memory in "
        "training; this machine has 25 GB."
    ]
    warn_of_memory("copy", load_recipe("copy").model, codec)
    assert len(caplog.messages) == 1
