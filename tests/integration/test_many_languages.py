"""A model with source features is trained, and used in every export and command."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from runs import overrides, train_eagerly
from variants import assert_same, make_translator

from keras_attention import InputError, LuongAttention, SourceFeatures, Translator, align_pairs
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import TextError
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.tflite.conversion import export_tflite

FEATURES = SourceFeatures({"language": ["fre", "kor"], "domain": ["news", "talk"]})
GIVEN = {"language": "kor", "domain": "news"}
TEXTS = [
    "<language=kor><domain=news> the cat sat",
    "<domain=talk><language=fre> the dog on the mat",
    "<language=fre><domain=news>",
    "<language=fre><domain=talk>on",
]
WRONG = {
    "the cat": "expected the source feature language before the text",
    "<language=kr><domain=news> a": "with one of the values fre, kor",
    "<language=kor> a": "expected the source feature domain before the text",
}


@pytest.fixture(scope="module")
def translator():
    """Return a word model that replaces unknown words, so alignments change its outputs."""
    return make_translator(
        ["the", "cat", "sat", "on", "mat"],
        ["le", "chat", "assis", "sur", "tapis"],
        kind="word",
        features=FEATURES,
        search=SearchSettings(12, 8, beam_width=2, replace_unknown=True),
        attention=LuongAttention("general"),
        feature_embedding=3,
    )


@pytest.fixture(scope="module")
def served(translator, build):
    build_it = partial(export_saved_model, translator)
    return SavedModelTranslator.load(build("SavedModel with features", build_it) / "1")


@pytest.fixture(scope="module")
def device(translator, build):
    folder = build("TFLite with features", lambda new: export_tflite(translator, new / "m.tflite"))
    return DeviceTranslator.load(folder / "m.tflite")


def test_features_change_the_output_and_do_not_appear_in_alignments(translator):
    found = [
        translator("the cat sat", features={**GIVEN, "language": code})
        for code in "fre kor".split()
    ]
    assert found[0].score != found[1].score
    assert found[0].source_tokens == ("the", "cat", "sat", "</s>")
    assert found[0].alignment.shape == (len(found[0].tokens), 4)


def test_a_saved_translator_keeps_its_features(translator, tmp_path):
    translator.save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert loaded.codec.source.features == FEATURES
    assert_same(loaded(TEXTS), translator(TEXTS))
    settings = json.loads((tmp_path / "translator.json").read_text())
    settings["source_features"]["language"] = ["kor", "fre"]
    (tmp_path / "translator.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="expected the file that model.keras was saved with"):
        Translator.load(tmp_path)


def test_scores_and_forced_alignments_equal_those_of_the_search(translator):
    found = translator(TEXTS[:2], beam_width=1)
    targets = [each.text for each in found]
    if all(each.tokens[-1] == "</s>" and "<unk>" not in each.tokens for each in found):
        scored = translator.score(["the cat sat"], targets[:1], features=GIVEN)
        np.testing.assert_allclose(scored[0].score, found[0].score, atol=1e-4)
    for pair in align_pairs(translator, zip(TEXTS[:2], targets, strict=True)):
        assert pair.weights.shape == (len(pair.tokens), len(pair.source_tokens))
        np.testing.assert_allclose(pair.weights.sum(axis=1), 1, atol=1e-5)


def test_the_saved_model_equals_the_translator(translator, served):
    assert_same(served(TEXTS), translator(TEXTS))
    assert_same(served(TEXTS[::-1], beam_width=3), translator(TEXTS[::-1], beam_width=3))
    assert_same([served("the cat", features=GIVEN)], [translator("the cat", features=GIVEN)])
    with pytest.raises(InputError, match="of the model: language, domain; the nearest is 'domain'"):
        served("the cat", features={"doman": "news"})


@pytest.mark.parametrize("text", WRONG)
def test_every_runtime_refuses_a_text_without_known_features(text, translator, served, device):
    texts = [TEXTS[0], text]
    for runtime in (translator, served, device):
        with pytest.raises(TextError) as error:
            runtime(texts)
        assert str(error.value).startswith("text 2: ") and WRONG[text] in str(error.value)


def test_a_refused_text_does_not_affect_the_others_of_its_request(translator, served):
    texts = [TEXTS[0], "the cat", TEXTS[1], "x " * 5000]
    outputs = served._signatures["serving_default"](text=tf.constant(texts))
    assert [bool(error) for error in outputs["error"].numpy()] == [False, True, False, True]
    assert outputs["text"].numpy()[0].decode() == translator(TEXTS[0]).text
    none = served._signatures["serving_default"](text=tf.constant([], tf.string))
    assert len(none["text"]) == 0


def test_a_custom_search_with_the_saved_models_steps_equals_the_model(translator, served):
    signatures = served._signatures
    read = signatures["tokenize"](text=tf.constant(TEXTS[:2]))
    ids, length = read["ids"], read["length"]
    assert ids.numpy().tolist() == translator.codec.encode(TEXTS[:2]).tolist()
    assert length.numpy().tolist() == [len(translator.codec.source.encode(t)) for t in TEXTS[:2]]
    encoded = signatures["encode"](source=ids, length=length)
    step = signatures["step"](token=tf.constant([1, 1]), length=length, **encoded)
    logits, alignment = translator.model.teacher_forced(ids, tf.ones((2, 1), tf.int32))
    np.testing.assert_allclose(step["alignment"], alignment[:, 0], atol=1e-5)
    best = tf.argmax(step["log_probabilities"], axis=-1)
    assert best.numpy()[0] == tf.argmax(logits[0, 0, 1:]).numpy() + 1


def test_the_tflite_file_equals_the_translator(translator, device):
    assert_same(device(TEXTS), translator(TEXTS, beam_width=1))
    assert_same(
        [device("the cat", features=GIVEN)],
        [translator(TEXTS[0].replace(" sat", ""), beam_width=1)],
    )
    assert_same(device(TEXTS, beam=True), translator(TEXTS))
    steps = list(device.stream(TEXTS[0]))
    assert [step.text for step in steps][-1:] == [device(TEXTS[0]).text][: len(steps)]


RULES = {"up": str.upper, "copy": str, "same": lambda text: text[:1] * len(text)}
SETTINGS = [
    *("format=tsv", "data.path={language}.tsv", "language=up,copy", "source_features=language"),
    *("held_out=8", "units=16", "embedding=8", "epochs=1", "batch_size=16", "feature_embedding=4"),
]


@pytest.fixture(scope="module")
def trained(build):
    """Train a recipe of two languages with contradicting rules; do not change the folder."""
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.train import train

    def train_it(folder):
        data = folder / "data"
        data.mkdir(parents=True)
        for name, rule in RULES.items():
            words = [f"{a}{b}" for a in "abcd" for b in "abcd"]
            lines = [f"{word}\t{rule(word)}\n" for word in words]
            (data / f"{name}.tsv").write_text("".join(lines))
        with pytest.MonkeyPatch.context() as patch:
            train_eagerly(patch)
            train(load_recipe("dates", [*SETTINGS, f"data.folder={data}"]), folder / "run")

    return build("run with features", train_it)


def test_a_run_reports_each_language(trained):
    header, row = (trained / "run" / "metrics.csv").read_text().splitlines()
    names = header.split(",")
    assert {"val_exact_match_language=copy", "val_exact_match_language=up"} < set(names)
    assert "val_exact_match_language=(mean)" in names and len(row.split(",")) == len(names)
    pairs = [
        json.loads(line) for line in (trained / "run" / "held_out.jsonl").read_text().splitlines()
    ]
    assert all(source.startswith("<language=") for source, _ in pairs)
    files = json.loads((trained / "run" / "data.json").read_text())["files"]
    assert list(files) == ["data.path up", "data.path copy"]


def test_a_run_resumes_unless_the_file_of_a_language_has_changed(trained, tmp_path, eagerly):
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.train import train

    shutil.copytree(trained, tmp_path / "copy")
    folder, data = tmp_path / "copy" / "run", tmp_path / "copy" / "data"
    recipe = load_recipe(folder / "recipe.toml", ["epochs=2", f"data.folder={data}"])
    train(recipe, folder, resume=True)
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3
    with (data / "copy.tsv").open("a") as file:
        file.write("d\td\n")
    with pytest.raises(InputError, match=r"copy\.tsv: changed since the run was started"):
        train(load_recipe(folder / "recipe.toml", ["epochs=3"]), folder, resume=True)


def test_fine_tuning_adds_a_language(trained):
    """The value of the new language starts at the mean of the known values."""
    from keras_attention.training.prepare import prepare
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.run.start_model import StartModel

    data = [f"data.folder={trained / 'data'}", "language=copy,same"]
    settings = [each for each in SETTINGS if not each.startswith("source_features")] + data
    start = StartModel.find(trained / "run")
    recipe = load_recipe("dates", settings, start=start.recipe)
    tuned = prepare(recipe, start_model=start).translator
    assert tuned.codec.source.features.to_json() == {"language": ["copy", "up", "same"]}
    (old,), (new,) = (
        each.single_model.feature_embedding.tables for each in (start.translator, tuned)
    )
    old, new = (np.asarray(table.embeddings) for table in (old, new))
    np.testing.assert_array_equal(new[:6], old)
    np.testing.assert_allclose(new[6], old[4:].mean(0), rtol=1e-6)
    texts = ["<language=up> ab", "<language=copy> da"]
    assert_same(tuned(texts), start.translator(texts))


def test_a_new_source_vocabulary_keeps_all_languages(trained, run, tmp_path, eagerly):
    settings = [*SETTINGS, f"data.folder={trained / 'data'}", "language=same", "replay=0.6"]
    arguments = overrides(*settings, "new_vocabulary=source")
    folder = tmp_path / "run"
    found = run("train", "dates", *arguments, "--from", trained / "run", "--output", folder)
    assert found.code == 0 and "8 held-out pairs of" in found.err
    sources = [json.loads(line)[0] for line in (folder / "replay.jsonl").read_text().splitlines()]
    assert {source.partition(">")[0] for source in sources} == {"<language=copy", "<language=up"}
    texts = [f"<language={name}> ab" for name in RULES]
    assert len(Translator.load(folder)(texts)) == len(texts)


def test_fine_tuning_requires_the_features_of_the_model(trained, run, tmp_path):
    settings = [*SETTINGS, f"data.folder={trained / 'data'}", "source_features=language,domain"]
    folder = tmp_path / "run"
    arguments = (*overrides(*settings), "--from", trained / "run", "--output", folder)
    found = run("train", "dates", *arguments)
    assert found.code == 2 and not folder.exists()
    assert '`data.source_features` must be "language", as in the model given with' in found.err


def test_the_commands_accept_features(trained, run, tmp_path):
    folder, data = trained / "run", trained / "data"
    out = run("evaluate", folder, "--errors", 0).out
    assert "language" in out and "mean" in out and "copy" in out
    found = run("translate", folder, "--feature", "language=up", stdin=b"ab\n<language=copy> ab\n")
    lines = found.out.splitlines()
    assert found.err == ""
    lines_with_tags = b"<language=copy> ab\n\xed\x95\x9cb\n"
    found = run("translate", folder, "--feature", "language=up", stdin=lines_with_tags)
    assert "such as '한' (standard input, line 2). Lines with such tokens: 1 of 2;" in found.err
    translator = Translator.load(folder)
    assert lines == [each.text for each in translator(["<language=up> ab", "<language=copy> ab"])]
    for command in ("evaluate", "score", "align"):
        file = ("--data", data / "up.tsv") if command == "evaluate" else (data / "up.tsv",)
        assert run(command, folder, *file, "--feature", "language=up").code == 0
    picture = tmp_path / "a.svg"
    assert run("plot", folder, "ab", "--feature", "language=up", "-o", picture).code == 0
    assert picture.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--feature", "language"],
            "--feature must have the form NAME=VALUE, such as language=kor",
        ),
        (["--feature", "langage=up"], "of the model: language; the nearest is 'language'"),
        (["--feature", "language=cop"], "copy, up; the nearest is 'copy'. Received: 'cop'"),
        (["--feature", "language=up", "--feature", "language=up"], "with each name once"),
        (["--feature", "language=up", "--server", "a:1"], "write the features before each line"),
        ([], "standard input, line 1: expected the source feature language before the text"),
    ],
)
def test_wrong_features_are_errors_of_one_line(arguments, message, trained, run):
    found = run("translate", trained / "run", *arguments, stdin=b"ab\n")
    assert (found.code, found.out) == (2, "")
    assert message in found.err and len(found.err.splitlines()) == 1


def test_evaluate_refuses_features_of_held_out_pairs(trained, run):
    found = run("evaluate", trained / "run", "--feature", "language=up")
    assert found.code == 2 and "--feature requires a file of pairs" in found.err


def test_a_source_file_that_lacks_a_feature_is_an_error(trained, run, tmp_path):
    settings = [*SETTINGS, f"data.folder={trained / 'data'}", "source_features=language,domain"]
    arguments = [part for each in settings for part in ("--set", each)]
    found = run("train", "dates", *arguments, "--output", tmp_path / "run")
    assert found.code == 2 and not (tmp_path / "run").exists()
    assert "training pair 1: expected the source feature domain before the text" in found.err
