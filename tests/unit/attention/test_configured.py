import keras
import pytest

from keras_attention import BahdanauAttention
from keras_attention.attention.base.configured import Configured


class Scaled(Configured, keras.layers.Layer):
    def __init__(self, inner, *, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.factor = inner, factor


class Named(Scaled):
    def __init__(self, label, **kwargs):
        super().__init__(**kwargs)
        self.label = label
        self.unrelated = 1


def test_a_layer_is_rebuilt_from_its_own_arguments_and_those_of_its_bases():
    layer = Named("a", inner=keras.layers.Dense(3), factor=0.5, name="outer", dtype="float16")
    with keras.saving.CustomObjectScope({"Named": Named}):
        config = keras.saving.serialize_keras_object(layer)["config"]
        rebuilt = Named.from_config(config)
    assert (rebuilt.label, rebuilt.factor, rebuilt.name) == ("a", 0.5, "outer")
    assert (rebuilt.inner.units, rebuilt.compute_dtype) == (3, "float16")
    assert "unrelated" not in config
    assert rebuilt.get_config() == layer.get_config()


def test_the_error_for_a_misspelt_argument_suggests_the_nearest_name():
    with pytest.raises(TypeError, match=r"^unknown argument 'unit' of Bahdanau.*nearest is 'uni"):
        BahdanauAttention(unit=4)
    with pytest.raises(TypeError, match="the nearest is 'factor'"):
        Named("a", inner=None, factors=2)
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):  # raised by Keras
        BahdanauAttention(4, colour=3)
