"""A model with a custom mechanism trains, searches and exports with one class and one row."""

from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops
from runs import train_eagerly
from variants import assert_same

from keras_attention import AttentionMechanism, InputError, LocalAttention
from keras_attention.attention.registry import MECHANISMS, SCORES, Mechanism, OnlyWith, register
from keras_attention.export import (
    DeviceTranslator,
    SavedModelTranslator,
    export_saved_model,
    export_tflite,
)
from keras_attention.export.device import device_translator
from keras_attention.export.tflite import conversion
from keras_attention.training import load_recipe
from keras_attention.training.recipe.recipe import SETTINGS
from keras_attention.training.train import train

TINY = [
    *("size=72", "held_out=8", "longest=6", "max_source_length=9", "max_target_length=9"),
    *("epochs=1", "batch_size=32", "units=6", "embedding=4"),
]
TEXTS = ["abc", "", "zyxwvu", "q"]


def check_units(units):
    if units % 2:
        raise ValueError(f"`units` must be even. Received: units={units}.")


@keras.saving.register_keras_serializable(package="tests")
class NegativeDistance(AttentionMechanism):
    """Attention that scores a key by its negative squared distance from the query."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        check_units(units)
        self.units = units
        self.query_projection = self._dense(units, "query_projection")
        self.key_projection = self._dense(units, "key_projection")

    def build(self, query_shape, memory_shape):
        self.query_projection.build(query_shape)
        self.key_projection.build(memory_shape)
        self.built = True

    def project(self, memory):
        return self.key_projection(memory)

    def _score(self, query, keys):
        query = ops.expand_dims(self.query_projection(query), 2)
        return -ops.sum(ops.square(query - ops.expand_dims(keys, 1)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


ROW = Mechanism(
    "toy",
    f"{__name__}:NegativeDistance",
    "minus the squared distance",
    arguments={"units": "attention_units", "mapping": "mapping"},
    score=True,
    rules={("attention_units",): check_units},
)


@pytest.fixture(scope="module", autouse=True)
def row():
    with mock.patch.dict(MECHANISMS), mock.patch.dict(SCORES):
        register(ROW)
        yield


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    recipe = load_recipe("copy", [*TINY, "attention=toy"])
    with pytest.MonkeyPatch.context() as patch:
        train_eagerly(patch)
        trained = train(recipe, tmp_path_factory.mktemp("runs") / "run")
    assert type(trained.model.decoder.cell.attention) is NegativeDistance
    # Use large weights: after so few steps, the trained weights give nearly equal outputs.
    rng = np.random.default_rng(5)
    trained.model.set_weights([rng.standard_normal(w.shape) for w in trained.model.get_weights()])
    return trained


def test_a_recipe_checks_the_settings_that_the_row_declares():
    assert "toy" in SETTINGS["model.attention"].expected
    config = load_recipe("copy", ["attention=toy"]).model
    assert config.read_by_mechanism == {"attention_units", "mapping"}
    expected = r"`model\.units` with model\.attention='toy': `units` must be even\. .*units=7"
    with pytest.raises(InputError, match=expected):
        load_recipe("copy", ["attention=toy", "units=7", "merge=sum"])


def test_other_mechanisms_can_use_the_custom_score():
    config = load_recipe("copy", ["attention=local-m", "content=toy", "units=4"]).model
    built = config.build_attention(20)
    assert type(built) is LocalAttention and type(built.content) is NegativeDistance


def test_a_row_must_name_existing_settings(monkeypatch):
    row = Mechanism("wrong", ROW.path, "", {"units": OnlyWith("width", "score", "general")})
    monkeypatch.setitem(MECHANISMS, "wrong", row)
    with pytest.raises(ValueError, match=r"`arguments` of the mechanism 'wrong' .* units='width'"):
        load_recipe("copy", ["attention=wrong"]).model.build_attention(20)


def test_search_returns_the_scores_of_teacher_forcing(translator):
    for width in (1, 3):
        found = [each for each in translator(TEXTS, beam_width=width) if each.source]
        ended = [each for each in found if each.tokens[-1:] == ("</s>",)]
        assert ended
        scored = translator.score(*zip(*((each.source, each.text) for each in ended), strict=True))
        for one, other in zip(ended, scored, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_server_returns_the_translators_texts(translator, tmp_path):
    served = SavedModelTranslator.load(export_saved_model(translator, tmp_path))
    for width in (1, 3):
        assert_same(served(TEXTS, beam_width=width), translator(TEXTS, beam_width=width))


def test_a_device_returns_the_translators_beams(translator, tmp_path, monkeypatch):
    trace = conversion.trace_graphs
    monkeypatch.setattr(conversion, "trace_graphs", lambda *given: {"beam": trace(*given)["beam"]})
    monkeypatch.setattr(device_translator, "SIGNATURES", ("beam",))
    device = DeviceTranslator.load(export_tflite(translator, tmp_path / "model.tflite"))
    assert_same(device(TEXTS, beam=True), translator(TEXTS, beam_width=4))
