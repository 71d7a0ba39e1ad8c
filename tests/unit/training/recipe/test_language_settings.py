"""Recipes with several languages, and with source features."""

import pytest

from keras_attention import InputError
from keras_attention.training.recipe.recipe import load_recipe, parse_recipe


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["language=fre,fre"], "`data.language` must have different language codes between its"),
        (["language=fre,"], "Received: data.language='fre,'"),
        (["language=fre,kor", "path=a.tsv"], "`data.path` must contain {language}, because data."),
        (["language=fre,kor", "validation_path=a.tsv"], "`data.validation_path` must contain {lan"),
        (["source_features=the language"], "`data.source_features`: expected names of source feat"),
        (["source_features=a,a"], "`data.source_features` must have different names"),
        (["source_features=a,"], "Received: ''"),
        (
            ["source_features=a", "format=dates"],
            "requires data.format='tsv', 'csv', 'jsonl', 'parquet' or 'parallel'. Received: data.",
        ),
        (["feature_embedding=4"], "`model.feature_embedding` requires data.source_features"),
        (["feature_merge=sum"], "`model.feature_merge` requires data.source_features"),
    ],
)
def test_contradicting_settings_are_errors(settings, message):
    with pytest.raises(InputError) as error:
        load_recipe("g2p", settings)
    assert message in str(error.value)


def test_recipes_with_features_are_stored_and_older_recipes_load():
    recipe = load_recipe("g2p-many", ["feature_embedding=4"])
    assert parse_recipe(recipe.to_toml(), "recipe.toml") == recipe
    older = load_recipe("g2p")
    kept = [line for line in older.to_toml().splitlines() if "feature" not in line]
    assert parse_recipe("\n".join(kept), "recipe.toml") == older


def test_a_width_that_sum_does_not_use_is_ignored():
    settings = ["source_features=language", "feature_merge=sum"]
    assert "feature_embedding" in load_recipe("g2p", settings).model.ignored_settings
