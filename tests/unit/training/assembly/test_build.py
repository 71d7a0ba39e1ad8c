import numpy as np
import pytest

from keras_attention import (
    BahdanauAttention,
    ChunkwiseAttention,
    CoverageAttention,
    ExternalMemoryAttention,
    InputError,
    LocalAttention,
    LocationAwareAttention,
    LuongAttention,
    MonotonicAttention,
    PeekyAttention,
    QueryKeyValueAttention,
)
from keras_attention.attention import luong_attention
from keras_attention.attention.registry import MECHANISMS
from keras_attention.attention.scaled_dot_product_attention import ScaledDotProductAttention
from keras_attention.ops.mappings import MAPPINGS
from keras_attention.training.assembly.build import build_codec, build_model, make_fit_variables
from keras_attention.training.recipe.model_config import ModelConfig
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe
from keras_attention.translation.model_files import load_model

PAIRS = [("two words", "두 낱말"), ("words", "낱말"), ("two", "두"), ("once", "한번")]
SMALL = ["units=8", "embedding=4"]


def make(*settings):
    recipe = load_recipe("dates", [*SMALL, *settings])
    codec = build_codec(recipe, PAIRS)
    return build_model(recipe, codec), codec


def test_the_codec_learns_both_vocabularies_with_the_recipes_settings():
    _, codec = make(
        "source_tokenizer=word", "source_vocabulary_size=2", "min_count=2", "max_length=9"
    )
    assert codec.source.vocabulary.tokens[4:] == ("two", "words")
    assert set(codec.target.vocabulary.tokens[4:]) == set("두낱말")
    assert (codec.settings.max_source_length, codec.settings.max_length) == (64, 9)
    assert (codec.settings.beam_width, codec.settings.length_penalty) == (1, 0.0)


def test_the_longest_output_is_max_target_length_by_default():
    _, codec = make("max_target_length=11", "beam_width=3", "length_penalty=0.5")
    assert codec.settings.max_length == 11
    assert (codec.settings.beam_width, codec.settings.length_penalty) == (3, 0.5)


def test_the_training_seed_replaces_the_seed_of_the_weights():
    one, two = make("seed=2")[0], make("training.seed=2")[0]
    for expected, weights in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_equal_recipes_build_equal_weights_and_another_seed_builds_different_ones():
    first, again, other = make()[0], make()[0], make("seed=2")[0]
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(
        np.any(one != two)
        for one, two in zip(first.get_weights(), other.get_weights(), strict=True)
    )


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("model.mapping", tuple(MAPPINGS)),
        ("model.output_mapping", tuple(MAPPINGS)),
        ("model.score", luong_attention.SCORES),
    ],
)
def test_the_choices_in_recipes_are_those_that_the_code_implements(key, choices):
    assert set(SETTINGS[key].choices) == set(choices)


def test_the_model_has_the_sizes_of_the_recipe():
    model, codec = make(
        "attention=luong", "placement=after", "input_feeding=true", "encoder_layers=2",
        "decoder_layers=3", "merge=sum", "bridge=copy", "dropout=0.25", "attention_units=6",
    )  # fmt: skip
    expected = {
        "source_vocabulary_size": len(codec.source.vocabulary),
        "target_vocabulary_size": len(codec.target.vocabulary),
        "units": 8, "embedding": 4, "placement": "after", "input_feeding": True,
        "attention_units": 6, "encoder_layers": 2, "decoder_layers": 3, "merge": "sum",
        "bridge": "copy", "dropout": 0.25,
    }  # fmt: skip
    assert expected.items() <= dict(model.settings.values()).items()
    assert model.built and model.compiled


def test_a_transformer_has_the_sizes_of_the_recipe_and_positions_for_its_longest_output():
    model, codec = make(
        "encoder=transformer", "decoder=transformer", "heads=2", "feed_forward=12",
        "max_target_length=7", "tie_embeddings=target", "embedding=8",
    )  # fmt: skip
    assert model.encoder.heads == model.decoder.cell.heads == 2
    assert model.encoder.feed_forward == model.decoder.cell.feed_forward == 12
    assert model.longest == codec.settings.max_length == 7
    assert make("encoder=transformer", "heads=2")[0].encoder.feed_forward == 4 * 8
    assert make("decoder=transformer", "heads=2", "max_length=9")[0].longest == 9


def test_the_optimizer_has_the_recipes_settings():
    model, _ = make("learning_rate=0.5", "clip_norm=2.0")
    assert float(model.optimizer.learning_rate) == 0.5
    assert model.optimizer.global_clipnorm == 2.0
    assert make("clip_norm=0")[0].optimizer.global_clipnorm is None


def test_bfloat16_keeps_weights_in_32_bits():
    model, _ = make("precision=bfloat16")
    assert model.compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}


@pytest.mark.parametrize(
    ("config", "kind", "expected"),
    [
        (ModelConfig(normalize=True, units=6), BahdanauAttention, {"units": 6, "normalize": True}),
        (ModelConfig(attention_units=5), BahdanauAttention, {"units": 5}),
        (
            ModelConfig(attention="luong", score="dot", scale=True),
            LuongAttention,
            {"score": "dot", "scale": True, "units": None, "max_source_length": None},
        ),
        (
            ModelConfig(attention="luong", score="concat", units=6),
            LuongAttention,
            {"score": "concat", "units": 6, "max_source_length": None},
        ),
        (
            ModelConfig(attention="luong", score="location"),
            LuongAttention,
            {"score": "location", "units": None, "max_source_length": 20},
        ),
        (
            ModelConfig(attention="local-m", window=3, mapping="sparsemax"),
            LocalAttention,
            {"window": 3, "predictive": False},
        ),
        (ModelConfig(attention="local-p"), LocalAttention, {"window": 5, "predictive": True}),
        (
            ModelConfig(attention="location-aware", units=6, mapping="entmax15"),
            LocationAwareAttention,
            {"units": 6, "mapping": "entmax15"},
        ),
        (
            ModelConfig(attention="coverage", normalize=True),
            CoverageAttention,
            {"normalize": True},
        ),
        (ModelConfig(attention="monotonic"), MonotonicAttention, {}),
        (ModelConfig(attention="chunkwise", window=2), ChunkwiseAttention, {"chunk": 2}),
        (
            ModelConfig(attention="multi-head", units=24, heads=3),
            QueryKeyValueAttention,
            {"key_units": 8, "heads": 3},
        ),
        (
            ModelConfig(attention="external-memory", units=6, mapping="sparsemax"),
            ExternalMemoryAttention,
            {"width": 6, "mapping": "sparsemax"},
        ),
        (ModelConfig(attention="peeky"), PeekyAttention, {}),
    ],
)
def test_the_mechanism_is_the_one_that_a_recipe_names(config, kind, expected):
    mechanism = config.build_attention(20, "mixed_bfloat16")
    assert mechanism.compute_dtype == "bfloat16"
    assert type(mechanism) is kind
    found = mechanism.get_config()
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("attention", "content", "kind"),
    [
        ("local-m", "paper", LuongAttention),
        ("local-p", "bahdanau", BahdanauAttention),
        ("monotonic", "paper", BahdanauAttention),
        ("chunkwise", "luong", LuongAttention),
        ("multi-head", "paper", ScaledDotProductAttention),
        ("multi-head", "bahdanau", BahdanauAttention),
    ],
)
def test_content_is_the_papers_score_or_the_one_that_the_recipe_names(attention, content, kind):
    built = ModelConfig(attention=attention, content=content).build_attention(20).content
    assert type(built) is kind
    assert getattr(built, "normalize", attention in ("monotonic",)) == (attention == "monotonic")


def test_a_model_that_copies_has_the_target_id_of_each_source_token():
    model, codec = make("copying=true")
    special = [0, 1, 2, 3]
    ids = model.copy_output.target_ids(np.arange(len(codec.source.vocabulary)))
    assert list(np.asarray(ids)) == codec.copied_ids()
    assert codec.copied_ids()[:4] == special


@pytest.mark.parametrize("loaded", [False, True])
def test_the_graph_of_a_training_step_is_traced_once(loaded, tmp_path, monkeypatch):
    model, codec = make()
    make_fit_variables(model, len(codec.target.vocabulary))
    if loaded:
        model.save(tmp_path / "model.keras")
        model = load_model(tmp_path / "model.keras", include_optimizer=True)
        make_fit_variables(model, len(codec.target.vocabulary))
    step, traced = model.train_step, []

    def counted(batch):
        traced.append(batch)
        return step(batch)

    monkeypatch.setattr(model, "train_step", counted)
    ids = np.array([[4, 5, 2]] * 2, "int32")
    model.fit((ids, np.array([[1, 4, 5]] * 2)), ids, epochs=2, verbose=0)
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("settings", "replaces"),
    [([], False), (["copying=true"], True), (["replace_unknown=true"], True)],
)
def test_copying_always_replaces_unknown_tokens(settings, replaces):
    codec = make(*settings)[1]
    assert codec.settings.replace_unknown is replaces


def test_the_content_of_a_mechanism_has_the_recipes_mapping():
    config = ModelConfig(attention="local-m", mapping="sparsemax", score="location")
    content = config.build_attention(20).content
    assert (content.mapping, content.max_source_length) == ("sparsemax", 20)


@pytest.mark.parametrize("attention", MECHANISMS)
@pytest.mark.parametrize("placement", ["before", "after"])
def test_every_mechanism_makes_a_model(attention, placement):
    model, _ = make(f"attention={attention}", f"placement={placement}", "attention_units=8")
    assert model.built


def test_a_model_without_attention_ignores_the_settings_of_attention():
    assert ModelConfig(attention="none", score="location").build_attention(20) is None
    model, _ = make("attention=none", "input_feeding=true", "placement=after")
    assert model.settings.input_feeding is False


def test_model_settings_that_contradict_each_other_are_an_error():
    with pytest.raises(InputError, match="`model.units` must be even with merge='concat'"):
        make("units=7")


@pytest.mark.parametrize("attention", MECHANISMS)
@pytest.mark.parametrize("content", ["paper", "bahdanau", "luong"])
def test_scores_by_location_is_true_only_for_mechanisms_with_a_location_score(attention, content):
    config = ModelConfig(attention=attention, content=content, score="location")
    built = config.build_attention(20)
    scores = [built, getattr(built, "content", None)]
    reaches = [getattr(score, "max_source_length", None) for score in scores]
    assert config.scores_by_location == (20 in reaches)
    assert not ModelConfig(attention=attention, content=content).scores_by_location
