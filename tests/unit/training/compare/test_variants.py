import pytest

from keras_attention.errors import InputError
from keras_attention.training.compare.variants import expand_grid, label_of
from keras_attention.training.recipe.recipe import load_recipe


def labels(*vary, also=(), overrides=()):
    grid = expand_grid("copy", overrides, vary=vary, also=also)
    return [variant.label for variant in grid.variants]


def test_a_grid_has_every_combination_and_the_last_setting_changes_fastest():
    grid = expand_grid("copy", ["units=6"], vary=["attention=bahdanau,luong", "embedding=4, 8"])
    expected = [
        ("bahdanau", 4), ("bahdanau", 8), ("luong", 4), ("luong", 8),
    ]  # fmt: skip
    assert [(v.recipe.model.attention, v.recipe.model.embedding) for v in grid.variants] == expected
    assert [v.label for v in grid.variants] == [f"{a} embedding={e}" for a, e in expected]
    assert grid.variants[2].choices == (("model.attention", "luong"), ("model.embedding", 4))
    assert {v.recipe.model.units for v in grid.variants} == {6}
    assert grid.variants[3].recipe == load_recipe(
        "copy", ["units=6", "attention=luong", "embedding=8"]
    )
    assert grid.refused == ()


def test_single_variants_come_after_the_grid():
    also = ["attention=luong,score=concat", "units=32", "attention=none"]
    assert labels("attention=bahdanau,none", also=also) == [
        "bahdanau", "fixed vector", "luong score=concat", "units=32",
    ]  # fmt: skip
    assert labels(also=["deep_output=true"]) == ["deep_output=true"]


def test_a_single_variant_may_have_a_name():
    grid = expand_grid("copy", also=["name=GNMT of ours,decoder_layers=2,units=32"])
    assert [variant.label for variant in grid.variants] == ["GNMT of ours"]
    model, name = grid.variants[0].recipe.model, grid.variants[0].recipe.name
    assert (model.decoder_layers, model.units, name) == (2, 32, "copy")


def test_varied_settings_override_common_ones():
    (variant,) = expand_grid("copy", ["units=8"], vary=["units=10"]).variants
    assert variant.recipe.model.units == 10


def test_invalid_combinations_are_refused_with_the_reason():
    grid = expand_grid("copy", vary=["placement=before,after", "input_feeding=true,false"])
    assert [variant.label for variant in grid.variants] == [
        "before input_feeding=false", "after input_feeding=true", "after input_feeding=false",
    ]  # fmt: skip
    (refused,) = grid.refused
    assert refused.label == "before input_feeding=true"
    assert "`model.input_feeding` feeds the attentional vector" in refused.reason


def test_varied_settings_can_make_an_invalid_recipe_valid():
    overrides = ["placement=before", "input_feeding=true"]
    assert labels("placement=before,after", overrides=overrides) == ["after"]


def test_variants_that_differ_only_in_ignored_settings_are_one_model():
    grid = expand_grid("copy", vary=["attention=bahdanau,none", "placement=before,after"])
    assert [variant.label for variant in grid.variants] == [
        "bahdanau before", "bahdanau after", "fixed vector",
    ]  # fmt: skip
    (refused,) = grid.refused
    assert refused.label == "fixed vector after"
    assert refused.reason == "the same model as fixed vector."
    grid = expand_grid("copy", vary=["attention=bahdanau,luong", "score=dot,general"])
    assert [v.label for v in grid.variants] == [
        "bahdanau",
        "luong score=dot",
        "luong score=general",
    ]


@pytest.mark.parametrize(
    ("attention", "axis"),
    [
        ("bahdanau", "heads=2,4"),
        ("peeky", "mapping=softmax,sparsemax"),
        ("coverage", "window=2,3"),
        ("none", "attention_units=8,16"),
        ("bahdanau", "feed_forward=0,9"),
    ],
)
def test_a_grid_trains_no_model_twice(attention, axis):
    grid = expand_grid("copy", ["placement=before"], vary=[f"attention={attention},luong", axis])
    assert [refused.reason for refused in grid.refused][0].startswith("the same model as ")
    assert sum(v.recipe.model.attention == attention for v in grid.variants) == 1


def test_settings_that_no_layer_reads_do_not_make_a_variant():
    overrides = ["decoder=gnmt"]
    grid = expand_grid("copy", overrides, vary=["placement=before,after"])
    assert [variant.label for variant in grid.variants] == ["before"]
    assert grid.refused[0].reason == "the same model as before."
    grid = expand_grid("copy", vary=["attention=external-memory", "mapping=softmax,sparsemax"])
    assert len(grid.variants) == 2


def test_a_variant_whose_settings_are_all_ignored_still_has_a_label():
    assert labels("heads=2,4") == ["heads=2"]


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (("model.attention", "none"), "fixed vector"),
        (("model.attention", "luong"), "luong"),
        (("model.tie_embeddings", "none"), "tie_embeddings=none"),
        (("text.source_tokenizer", "word"), "source_tokenizer=word"),
        (("model.merge", "concat"), "merge=concat"),
        (("model.placement", "after"), "after"),
        (("model.deep_output", True), "deep_output=true"),
        (("training.learning_rate", 0.01), "learning_rate=0.01"),
        (("data.path", "a/b.tsv"), "path=a/b.tsv"),
    ],
)
def test_labels_omit_the_keys_of_attention_and_placement(choice, word):
    assert label_of([choice]) == word


def test_a_quoted_value_may_contain_a_comma():
    (variant,) = expand_grid("copy", ["format=tsv"], vary=['path="a,b.tsv"']).variants
    assert variant.recipe.data.path == "a,b.tsv"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"expected --vary KEY=VALUE,VALUE or --also"),
        ({"vary": ["atention=none"]}, r"Unknown key `atention`; the nearest is `model.attention`"),
        ({"vary": ["attention=none,local_"]}, r"`model.attention` must be .*Received: .*'local_'"),
        ({"vary": ["attention"]}, r"key=value.*Received: 'attention'"),
        ({"vary": ["units=8,eight"]}, r"`model.units` must be an integer.*'eight'"),
        ({"also": ["units=8,placement"]}, r"key=value. Received: 'placement'"),
        (
            {"also": ["units=8,model.units=9"]},
            r"--also must contain each key once.*`model.units` twice",
        ),
        ({"also": [""]}, r"--also must have the form key=value,key=value. Received: ''"),
        (
            {"vary": ["units=8", "model.units=9"]},
            r"--vary must contain each key once.*`model.units`",
        ),
        ({"vary": ["seed=1,2"]}, r"`seed` cannot be varied; use --seeds N"),
        ({"vary": ["name=a,b"]}, r"`name` cannot be varied"),
        ({"vary": ["metric=exact_match,bleu"]}, r"`training.metric` cannot be .*; use --set"),
        ({"also": ["units=8", "metric=bleu"]}, r"`training.metric` cannot be varied"),
        (
            {"also": ["name=x,units=8", "name=x,units=10"]},
            r"must have different labels.*: `x` twice",
        ),
        ({"vary": ["attention=luong"], "also": ["name=luong,units=8"]}, r"Received: `luong` twice"),
        ({"vary": ["units=8"], "overrides": ["epohcs=3"]}, r"Unknown key `epohcs`"),
        (
            {"vary": ["placement=before"], "overrides": ["input_feeding=true"]},
            r"no combination can be trained; before: .*feeds the attentional vector",
        ),
    ],
)
def test_invalid_comparisons_are_rejected(options, message):
    with pytest.raises(InputError, match=message):
        expand_grid("copy", **options)


def test_an_unknown_recipe_is_rejected():
    with pytest.raises(InputError, match="There is no recipe 'copi'; the nearest is 'copy'"):
        expand_grid("copi", vary=["units=8"])
