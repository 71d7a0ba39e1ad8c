"""`train --show` prints the recipe."""

from keras_attention.cli.commands.train import describe_recipe
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe


def test_show_prints_valid_toml_with_explanations(tmp_path):
    recipe = load_recipe("dates", ["units=16"])
    text = describe_recipe(recipe)
    assert "for a Transformer: an integer of at least 1 and at most 16384\nunits = 16\n" in text
    assert all(setting.doc in text for setting in SETTINGS.values())
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "shown.toml") == recipe
