import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe, parse_recipe
from keras_attention.training.recipe.renamed import RENAMED, warn_of_old


@pytest.fixture(autouse=True)
def forget_earlier_warnings():
    warn_of_old.cache_clear()


@pytest.mark.parametrize(("old", "new"), [("true", "bfloat16"), ("false", "float32")])
def test_an_old_recipe_is_read_with_the_new_setting(old, new, tmp_path):
    text = f"[training]\nmixed_precision = {old}\n"
    (tmp_path / "old.toml").write_text(text)
    assert load_recipe(tmp_path / "old.toml").training.precision == new
    assert parse_recipe(text, tmp_path / "old.toml").training.precision == new
    assert load_recipe("dates", [f"mixed_precision={old}"]).training.precision == new
    assert "mixed_precision" not in load_recipe(tmp_path / "old.toml").to_toml()


def test_one_warning_says_what_to_write_instead(caplog):
    for _ in range(2):
        load_recipe("dates", ["mixed_precision=true"])
    assert caplog.messages == [
        '`training.mixed_precision` is deprecated; write training.precision = "bfloat16" instead.'
    ]


def test_a_default_in_an_old_run_folder_causes_no_warning(caplog):
    load_recipe("dates", ["mixed_precision=false"])
    assert not caplog.messages


def test_a_recipe_cannot_set_both_the_old_and_the_new_name(tmp_path):
    path = tmp_path / "both.toml"
    path.write_text('[training]\nprecision = "float32"\nmixed_precision = true\n')
    with pytest.raises(InputError, match="is an older name of `training.precision`; remove it"):
        load_recipe(path)


def test_old_names_map_to_settings_and_are_not_settings_themselves():
    for old, renamed in RENAMED.items():
        assert old not in SETTINGS
        for value in renamed.values.values():
            assert SETTINGS[renamed.key].check(value) == value
