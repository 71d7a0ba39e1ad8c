"""A model's declaration of the settings that it uses is compared with the layers it builds."""

import itertools

import pytest

from keras_attention.attention.registry import MECHANISMS
from keras_attention.errors import InputError
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.training.assembly.build import _build_untrained, build_codec
from keras_attention.training.compare.variants import expand_grid
from keras_attention.training.recipe.model_config import ModelConfig
from keras_attention.training.recipe.recipe import load_recipe

OTHERS = {
    "score": ["dot", "general", "concat"],
    "normalize": [True],
    "scale": [True],
    "content": ["bahdanau", "luong"],
    "mapping": ["sparsemax"],
    "window": [3],
    "heads": [2],
    "attention_units": [16],
    "feed_forward": [6],
    "placement": ["after"],
    "input_feeding": [True],
    "rnn": ["gru"],
    "merge": ["sum"],
    "bridge": ["zero"],
    "layer_norm": [True],
    "recurrent_dropout": [0.5],
}
"""Accepted values for each setting. They differ from `ModelConfig`'s defaults, except one score."""
OF_LAYERS = tuple(OTHERS)[6:]
SMALL = {"units": 8, "embedding": 4}


def without_names(config):
    """Return a layer's config without names, because equal layers have different names."""
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key != "name"}
    return [without_names(value) for value in config] if isinstance(config, list) else config


def mechanism(**settings):
    built = ModelConfig(**SMALL, **settings).build_attention(20)
    return built and without_names(built.get_config())


def others(name, settings, build):
    """Yield the result of `build` for every other accepted value of a setting."""
    for value in OTHERS[name]:
        if value != settings.get(name):
            try:
                yield build(**{**settings, name: value})
            except InputError:
                continue


@pytest.mark.parametrize("attention", MECHANISMS)
def test_a_mechanism_depends_on_exactly_the_settings_it_declares(attention):
    for content, score in itertools.product(["paper", "bahdanau", "luong"], ["general", "concat"]):
        settings = {"attention": attention, "content": content, "score": score}
        read = ModelConfig(**settings).read_by_mechanism
        built = mechanism(**settings)
        for name in OTHERS:
            made = list(others(name, settings, mechanism))
            if made:
                assert any(each != built for each in made) == (name in read), (settings, name)


@pytest.fixture(scope="module")
def codec():
    return build_codec(load_recipe("copy"), [("a b", "a b")])


@pytest.mark.parametrize("decoder", ["lstm", "gnmt", "transformer"])
@pytest.mark.parametrize("encoder", ["bilstm", "gnmt", "transformer"])
def test_layers_depend_on_exactly_the_settings_that_are_not_ignored(
    encoder, decoder, codec, monkeypatch
):
    monkeypatch.setattr(Seq2Seq, "build", lambda model: None)

    def layers(**settings):
        values = {"units": 8, "embedding": 4, "layer_norm": False, **settings}
        overrides = [f"{name}={str(value).lower()}" for name, value in values.items()]
        model = _build_untrained(load_recipe("copy", overrides), codec)
        made = model.encoder, model.bridge, model.decoder
        configs = [layer and without_names(layer.get_config()) for layer in made]
        # A cell stores these two settings even if it ignores them, so compare their effects.
        for name in ("attention_units", "placement"):
            configs[-1]["cell"]["config"].pop(name, None)
        cell = model.decoder.cell
        placed = [getattr(cell, f"attends_{where}", None) for where in ("before", "after")]
        return [*configs, cell.output_width, placed]

    attentions = ["luong", "none"] if decoder == "lstm" else ["luong"]
    for attention, deep in itertools.product(attentions, [False, True]):
        if deep and decoder == "transformer":
            continue
        settings = {"encoder": encoder, "decoder": decoder, "attention": attention}
        settings |= {"deep_output": deep, "placement": "before"}
        ignored, built = ModelConfig(**SMALL, **settings).ignored_settings, layers(**settings)
        for name in OF_LAYERS:
            made = list(others(name, settings, layers))
            assert all((each == built) == (name in ignored) for each in made), (settings, name)
            assert made or name in (*ignored, "input_feeding"), (settings, name)


REFUSED = {
    "decoder=gnmt attention=none": r"`model\.decoder` must be 'lstm' .*='gnmt', attention='none'\.",
    "decoder=transformer attention=none": r"must be 'lstm' without an `attention`\.",
    "decoder=gnmt input_feeding=true": r"`model\.input_feeding` must be false with decoder='gnmt',",
    "decoder=transformer deep_output=true": r"`model\.deep_output` must be false with decoder='tr",
    "attention=monotonic mapping=sparsemax": r"`model\.mapping` with .*monotonic.* must be 'so",
    "attention=chunkwise mapping=entmax15": r"must be 'softmax', because .*: mapping='entmax15'\.",
    "decoder=transformer heads=3": r"a multiple of `heads`\. .*: units=8, heads=3\.",
    "encoder=transformer units=9 heads=3": r"must be even and .*: units=9, heads=3\.",
    "attention=multi-head heads=3": r"`model\.units` and .*multiple .*: units=8, heads=3\.",
    "attention=multi-head heads=300": r"`model\.heads` with .* multiple .*: units=8, heads=300\.",
    "attention=multi-head attention_units=6": r"`model\.attention_units` .*: units=6, heads=4\.",
    "encoder=transformer merge=sum": r"`model\.merge` must be 'concat', .*: merge='sum'\.",
    "decoder=transformer bridge=copy": r"`model\.bridge` .*'dense', .*: bridge='copy'\.",
    "encoder=transformer decoder=transformer layer_norm=true": r"`model\.layer_norm` must be False",
    "encoder=transformer decoder=transformer recurrent_dropout=0.3": r"must be 0\.0, its default,",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_invalid_model_settings_are_an_error_before_data_is_read(settings):
    with pytest.raises(InputError, match=REFUSED[settings]):
        load_recipe("copy", ["units=8", *settings.split()])
    also = [settings.replace(" ", ",")]
    grid = expand_grid("copy", ["units=8"], vary=["attention=luong"], also=also)
    assert len(grid.variants) == len(grid.refused) == 1


@pytest.mark.parametrize(
    "settings",
    [
        ["merge=sum", "bridge=zero", "attention=none"],
        ["encoder_layers=2", "decoder_layers=2", "attention=luong", "placement=after"],
        ["encoder=gnmt", "decoder=gnmt", "encoder_layers=2", "decoder_layers=2"],
        ["encoder=transformer", "decoder=transformer", "feed_forward=1", "attention=multi-head"],
        ["tie_embeddings=all", "joint_vocabulary=true", "embedding=32", "attention=none"],
    ],
)
def test_a_model_has_at_least_the_parameters_counted_before_it_is_built(settings):
    recipe = load_recipe("copy", ["size=20", "held_out=1", "units=32", "embedding=2", *settings])
    codec = build_codec(recipe, [("ab", "ba")])
    sizes = len(codec.source.vocabulary), len(codec.target.vocabulary)
    model = _build_untrained(recipe, codec)
    assert model.count_params() / 4 < recipe.model.least_parameters(*sizes) < model.count_params()
