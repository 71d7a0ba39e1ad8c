import dataclasses
import math
import os

import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.recipe import (
    SETTINGS,
    DataConfig,
    ModelConfig,
    Recipe,
    TrainingConfig,
    load_recipe,
    recipe_names,
)


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_quickstart_trains_the_recipe_dates():
    recipe = load_recipe("dates")
    assert (recipe.name, recipe.seed) == ("dates", 1)
    assert (recipe.data.format, recipe.data.path) == ("dates", "")
    assert (recipe.data.size, recipe.data.held_out) == (50000, 5000)
    assert (recipe.model.attention, recipe.model.placement) == ("bahdanau", "before")
    assert recipe.training.epochs == 3


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_read_back_equal_from_its_own_text(name, tmp_path):
    recipe = load_recipe(name)
    recipe.save(tmp_path / "recipe.toml")
    assert load_recipe(tmp_path / "recipe.toml") == recipe
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


def test_unusual_values_are_read_back_equal(tmp_path):
    recipe = Recipe(
        name="다섯 \"q\" 'a' \x7f\u2028 \\".replace("\\", "#"),
        seed=2**32 - 1,
        data=DataConfig(path='C:\\날짜\t"x"\n\x00\x1f=#[a].tsv', format="tsv"),
        training=TrainingConfig(learning_rate=1e-7, clip_norm=1e300, precision="bfloat16"),
    )
    recipe.save(tmp_path / "r.toml")
    assert load_recipe(tmp_path / "r.toml") == recipe


def test_missing_settings_keep_their_defaults_and_the_file_name_is_the_recipes_name(write):
    recipe = load_recipe(write("[model]\nunits = 32\n"))
    assert recipe == Recipe(name="mine", model=ModelConfig(units=32))


def test_a_resolved_recipe_names_every_setting():
    text = Recipe().to_toml()
    assert all(f"\n{key.rpartition('.')[2]} = " in "\n" + text for key in SETTINGS)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("epochs=5", "training.epochs", 5),
        ("training.epochs = 5", "training.epochs", 5),
        ("attention=none", "model.attention", "none"),
        ('attention="none"', "model.attention", "none"),
        ("learning_rate=1", "training.learning_rate", 1.0),
        ("learning_rate=1e-3", "training.learning_rate", 0.001),
        ("mixed_precision=true", "training.precision", "bfloat16"),
        ("seed=7", "seed", 7),
        ("name=try=2", "name", "try=2"),
        ("name=2024", "name", "2024"),
        ("data.path=a folder/b#c.tsv", "data.path", "a folder/b#c.tsv"),
        ("data.path=", "data.path", ""),
        ("data.path=x\ny = 1", "data.path", "x\ny = 1"),
        ("data.path='a'\ny = 1", "data.path", "'a'\ny = 1"),
    ],
)
def test_an_override_sets_a_value_of_the_settings_type(override, key, value):
    found = load_recipe("dates", [override])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_the_last_override_wins():
    assert load_recipe("dates", ["epochs=5", "training.epochs=6"]).training.epochs == 6


def test_overrides_are_checked_together_and_not_one_by_one():
    recipe = load_recipe("dates", ["input_feeding=true", "placement=after"])
    assert recipe.model.input_feeding


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epohcs=5", "Unknown key `epohcs`; the nearest is `training.epochs`."),
        ("model.attentoin=none", "Unknown key `model.attentoin`; the nearest is `model.attention`"),
        ("model.epochs=5", "Unknown key `model.epochs`; the nearest is `training.epochs`."),
        ("colour=5", "Unknown key `colour`; `keras-attention train dates --show` prints all"),
        ("epochs", "A setting must have the form key=value. Received: 'epochs'."),
        ("=5", "A setting must have the form key=value. Received: '=5'."),
        (
            "epochs=three",
            "`training.epochs` must be an integer of at least 1. Received: training.epochs='three'",
        ),
        (
            "epochs=1.0",
            "`training.epochs` must be an integer of at least 1. Received: training.epochs=1.0.",
        ),
        (
            "epochs=true",
            "`training.epochs` must be an integer of at least 1. Received: training.epochs=True.",
        ),
        ("epochs=0", "must be an integer of at least 1"),
        ("epochs=1\nunits=2", "must be an integer of at least 1"),
        ("mixed_precision=1", "must be true or false. Received: training.mixed_precision=1."),
        ("learning_rate=0", "must be a finite number above 0"),
        ("learning_rate=nan", "must be a finite number above 0"),
        ("learning_rate=inf", "must be a finite number above 0"),
        (f"learning_rate=1{'0' * 400}", "must be a finite number above 0"),
        ("dropout=1", "`model.dropout` must be a finite number of at least 0 and below 1."),
        ("seed=4294967296", "`seed` must be an integer of at least 0 and below 4294967296."),
        (
            "score=cosine",
            "`model.score` must be one of 'dot', 'general', 'concat', 'location'. "
            "Received: model.score='cosine'.",
        ),
        ("data.path=\udcff", "`data.path` must be a string of valid Unicode."),
        ("name=a/b", "`name` must be a file name without a folder. Received: 'a/b'."),
        ("name=..", "`name` must be a file name without a folder."),
        ("input_feeding=true", "`model.input_feeding` feeds the attentional vector"),
        (
            "tie_embeddings=target",
            "`model.tie_embeddings` requires outputs as wide as the embeddings: set `units` to "
            "`embedding`. Received: embedding=64 and outputs of 128.",
        ),
        ("schedule=linear", "`training.schedule` must be one of 'constant', 'inverse_square_root'"),
        ("epochs=1000000000000", "an integer of at least 1 and at most 2147483647. Received: "),
        ("units=1000000000", "`model.units` must be an integer of at least 1 and at most 16384."),
        ("beam_width=1000000", "`decoding.beam_width` must be an integer of at least 1 and at mo"),
        ("max_target_length=1000000000000", "of at least 1 and at most 65536. Received: data."),
        ("bucket_width=100000000000000000000", "of at least 1 and at most 65536. Received: tra"),
        (
            "seed=18446744073709551616",
            "`seed` must be an integer of at least 0 and below 4294967296",
        ),
        (f"units={'9' * 5000}", "`model.units` must be an integer of at least 1 and at most 16384"),
        (f"units=0x{'f' * 5000}", "Received: model.units=an integer of thousands of digits."),
        (f"units={'[' * 5000}", "`model.units` must be an integer of at least 1 and at most 16384"),
        ("batch_tokens=-1", "`training.batch_tokens` must be an integer of at least 0"),
        (
            "embedding_dropout=-0.5",
            "of at least 0 and below 1, or -1.0 (unset). Received: ",
        ),
    ],
)
def test_an_invalid_override_is_an_error(override, message):
    with pytest.raises(InputError) as error:
        load_recipe("dates", [override])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


TIED = ["deep_output=true", "attention_units=64", "tie_embeddings=all"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (TIED, "requires text.joint_vocabulary=true. Received: text.joint_vocabulary=false."),
        (["joint_vocabulary=true", "new_vocabulary=source"], "must be 'none' or 'both' with"),
        (
            ["new_vocabulary=both", "teachers=a", "teacher_weight=0.5"],
            "`training.new_vocabulary` excludes training.teachers",
        ),
        (
            [*TIED[:1], *TIED[2:], "placement=after", "joint_vocabulary=true"],
            "set `attention_units` to `embedding`. Received: embedding=64 and outputs of 128.",
        ),
        (
            [*TIED, "joint_vocabulary=true", "source_embeddings=a", "target_embeddings=b"],
            "set only one of them. Received: 'a' and 'b'.",
        ),
        (["ema=0.9", "average_last=2"], "both average the weights; use only one of them."),
        (
            [
                "source_tokenizer=subword",
                "subword_type=bpe",
                "source_subword_dropout=0.1",
                "attention=luong",
                "score=location",
            ],
            "model.score='location' cannot attend beyond that length; use only one of them. "
            "Received: text.source_subword_dropout=0.1, model.score='location'.",
        ),
        (["short_list=9", "attention=none"], "`training.short_list` uses the alignment and"),
        (["guided_alignment=1", "attention=peeky"], "that has one. Received: model.attention='pe"),
        (["coverage_loss=1", "attention=none"], "`training.coverage_loss` uses the alignment"),
        (
            ["r_drop=1", "dropout=0", "memory_dropout=0", "recurrent_dropout=0"],
            "`training.r_drop` requires dropout, such as model.dropout=0.2",
        ),
        (["copying=true", "attention=none"], "`model.copying` uses the alignment"),
        (
            ["replace_unknown=true", "attention=none"],
            "`decoding.replace_unknown` uses the alignment",
        ),
        (
            ["copying=true", "short_list=9"],
            "excludes tokens that model.copying may copy; use only one of them. Received: "
            "training.short_list=9, model.copying=true.",
        ),
        (
            ["warmup=9", "schedule=plateau"],
            "`training.warmup` requires a training.schedule other than 'plateau'. Received: "
            "training.warmup=9, training.schedule='plateau'.",
        ),
        (
            ["source_subword_dropout=0.1"],
            "requires text.source_tokenizer='subword' and text.subword_type='bpe'. Received: "
            "'character' and 'unigram'.",
        ),
        (
            ["target_tokenizer=subword", "target_subword_dropout=0.1"],
            "text.subword_type='bpe'. Received: 'subword' and 'unigram'.",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_an_error(overrides, message):
    with pytest.raises(InputError) as error:
        load_recipe("dates", overrides)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_key_that_two_sections_have_must_be_written_with_its_section(monkeypatch):
    twin = dataclasses.replace(SETTINGS["training.epochs"], key="decoding.epochs")
    monkeypatch.setitem(SETTINGS, "decoding.epochs", twin)
    with pytest.raises(InputError, match="write one of: training.epochs, decoding.epochs"):
        load_recipe("dates", ["epochs=2"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3", "Unknown key `epochs`; the nearest is `training.epochs`."),
        ("[model]\nunit = 3", "Unknown key `model.unit`; the nearest is `model.units`."),
        ("[modle]\nunits = 3", "Unknown key `modle.units`; the nearest is `model.units`."),
        ("[modle]", "unknown table [modle]; the nearest is [model]."),
        ("[optimizer]", "unknown table [optimizer]; the tables are [data], [text], [model], [tr"),
        ("model = 3", "`model` must be a table. Received: model=3."),
        ("[name]", "`name` must be a string of valid Unicode. Received: name={}."),
        (
            "[model.units]\nx = 1",
            "`model.units` must be an integer of at least 1 and at most 16384.",
        ),
        (
            "[model]\nunits = [3]",
            "`model.units` must be an integer of at least 1 and at most 16384.",
        ),
        (
            "[model]\nunits = 1979-05-27",
            "`model.units` must be an integer of at least 1 and at most 16384.",
        ),
        ("[model\n", "this is not valid TOML: "),
        ("a = 1\na = 2", "this is not valid TOML: "),
        (f"seed = {'9' * 5000}", "this is not valid TOML: a number has too many digits, or brac"),
        (f"seed = {'[' * 5000}", "this is not valid TOML: a number has too many digits, or brac"),
        (f"seed = 0x{'f' * 5000}", "Received: seed=an integer of thousands of digits."),
        ("[model]\ninput_feeding = true", "`model.input_feeding` feeds the attentional vector"),
    ],
)
def test_an_invalid_file_is_an_error_that_names_it(write, text, message):
    path = write(text)
    with pytest.raises(InputError) as error:
        load_recipe(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_every_integer_has_an_upper_bound():
    for known in SETTINGS.values():
        if type(known.default) is int:
            with pytest.raises(InputError, match=f"`{known.key}` must be .*(at most|below) [0-9]+"):
                known.check(2**63)


def test_an_unknown_recipe_is_an_error_that_suggests_the_nearest_and_lists_all():
    with pytest.raises(InputError, match="no recipe 'date'; the nearest is 'dates'.* one of: "):
        load_recipe("date")
    with pytest.raises(InputError, match="no recipe 'wmt14'. Expected the path .* one of: copy, "):
        load_recipe("wmt14")


@pytest.mark.parametrize("name", ["nothing.toml", "no/folder/nothing", ""])
def test_a_missing_file_is_an_error(name):
    with pytest.raises(InputError):
        load_recipe(name)


def test_a_file_that_is_not_utf8_is_an_error_that_names_the_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b'seed = 1\nname = "\xff"\n')
    with pytest.raises(InputError, match="bad.toml.*2"):
        load_recipe(path)


def test_attention_none_ignores_placement_and_input_feeding():
    assert load_recipe("dates", ["attention=none", "input_feeding=true"]).model.attention == "none"


def test_a_section_that_is_made_in_python_is_also_checked():
    with pytest.raises(InputError, match="`model.units` must be an integer of at least 1"):
        ModelConfig(units=0)
    with pytest.raises(InputError, match="`training.clip_norm`"):
        dataclasses.replace(TrainingConfig(), clip_norm=math.nan)


def test_every_field_is_explained_and_every_default_is_accepted():
    leaves = [
        field.name
        for kind in (Recipe, *(type(getattr(Recipe(), part)) for part in _parts()))
        for field in dataclasses.fields(kind)
        if field.name not in _parts()
    ]
    assert [key.rpartition(".")[2] for key in SETTINGS] == leaves
    for setting in SETTINGS.values():
        assert setting.doc
        assert setting.check(setting.default) == setting.default


def _parts():
    return ("data", "text", "model", "training", "decoding")


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")
def test_a_recipe_is_read_from_a_regular_file_or_a_shells_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe.toml", "device.toml", "device"):
        with pytest.raises(InputError, match=f"{name}: expected a file that can be read"):
            load_recipe(tmp_path / name)
    reading, writing = os.pipe()
    os.write(writing, b"seed = 7\n")
    os.close(writing)
    try:
        assert load_recipe(f"/dev/fd/{reading}").seed == 7
    finally:
        os.close(reading)


def test_the_size_of_a_recipe_is_checked_before_reading(tmp_path):
    with open(tmp_path / "sparse.toml", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"sparse\.toml: expected a file of at most"):
        load_recipe(tmp_path / "sparse.toml")
