"""Fine-tuning through the command line: a model of reversed letters learns new letters."""

import json
import shutil

import numpy as np
import pytest
from runs import contents, overrides, train_eagerly

from keras_attention import Translator
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.tflite.conversion import export_tflite
from keras_attention.training.assembly.token_origins import remap, token_origins
from keras_attention.training.forgetting import report_forgetting
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.held_out import read_held_out
from keras_attention.training.run.origin import read_origin
from keras_attention.training.run.start_model import StartModel
from keras_attention.training.train import train

BASE = ["size=120", "held_out=20", "epochs=1", "units=8", "embedding=6", "longest=4"]
RECIPE = """
[data]
format = "tsv"
path = "new.tsv"
held_out = 6
[training]
epochs = 1
batch_size = 8
"""
NEW = [(one + two, two + one) for one in "abéø" for two in "abcdøß"]
TUNED = ["freeze=encoder,bridge", "rates=*_embedding=0.5,decoder=0.9", "replay=0.4"]
OLD_TEXTS = ["abc", "hello", "zyx", "q"]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Return a folder with a trained model, new pairs and a fine-tuned model; do not change it."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "new.toml").write_text(RECIPE)
    (folder / "new.tsv").write_text("".join(f"{one}\t{two}\n" for one, two in NEW))
    with pytest.MonkeyPatch.context() as patch:
        train_eagerly(patch)
        patch.chdir(folder)
        train(load_recipe("reverse", BASE), "base")
        recipe = load_recipe("new.toml", TUNED, start=load_recipe("base/recipe.toml"))
        train(recipe, "tuned", start_from="base")
    return folder


@pytest.fixture
def work(first, tmp_path, monkeypatch, eagerly):
    """Copy the folder `first`, and make the copy the working folder."""
    folder = shutil.copytree(first, tmp_path / "work")
    for name in ("recipe.toml", "origin.json"):
        path = folder / "tuned" / name
        path.write_text(path.read_text().replace(str(first), str(folder)))
    monkeypatch.chdir(folder)
    return folder


def weights_of(folder):
    model = Translator.load(folder).single_model
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def is_kept(name):
    """Return whether a layer has the same weights in the start model and the fine-tuned model."""
    return all(map(np.array_equal, *(weights_of(folder)[name] for folder in ("base", "tuned"))))


def score(translator):
    pairs = read_held_out("base").pairs
    outputs = translator([source for source, _ in pairs])
    right = sum(found.text == target for found, (_, target) in zip(outputs, pairs, strict=True))
    return f"{right / len(pairs):.2%}"


def test_a_tiny_learning_rate_keeps_old_outputs_although_the_vocabulary_grows(work, run):
    outcome = run(
        "train", "new.toml", "--from", "base", "--output", "new",
        *overrides("learning_rate=1e-12", "clip_norm=1e-9"),
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    before, after = (Translator.load(name) for name in ("base", "new"))
    for side in ("source", "target"):
        old, new = (getattr(each.codec, side).vocabulary.tokens for each in (before, after))
        assert new[: len(old)] == old
        assert set(new[len(old) :]) == {"é", "ø", "ß"}
    outputs = [[each.text for each in model(OLD_TEXTS)] for model in (before, after)]
    assert outputs[0] == outputs[1] and any(outputs[0])
    assert "source vocabulary: 26 tokens of the model, 3 new" in outcome.err
    assert (
        f"20 held-out pairs of {work / 'base'}: exact_match {score(before)} before fine-tuning, "
        f"{score(before)} after" in outcome.err
    )


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Return the folder of a model with subwords; do not change it."""
    folder = tmp_path_factory.mktemp("pieces")
    words = [one + two + three for one in "abc" for two in "abc" for three in "abcd"]
    (folder / "words.tsv").write_text("".join(f"{word}\t{word[::-1]}\n" for word in words))
    (folder / "words.toml").write_text(RECIPE.replace("new.tsv", "words.tsv"))
    settings = ["units=8", "embedding=6"]
    for side in ("source", "target"):
        settings += [f"{side}_tokenizer=subword", f"{side}_vocabulary_size=12"]
    with pytest.MonkeyPatch.context() as patch:
        train_eagerly(patch)
        patch.chdir(folder)
        train(load_recipe("words.toml", settings), "words")
    return folder / "words"


NO_LEARNING = overrides("learning_rate=1e-12", "clip_norm=1e-9")


def test_subwords_get_the_new_characters_and_old_outputs_stay(pieces, work, run):
    grown = run("train", "new.toml", "--from", pieces, "--output", "grown", *NO_LEARNING)
    assert grown.code == 0, grown.err
    before, after = Translator.load(pieces), Translator.load("grown")
    for side in ("source", "target"):
        old, new = (getattr(each.codec, side).vocabulary.tokens for each in (before, after))
        assert new[: len(old)] == old and set(new[len(old) :]) == {"é", "ø", "ß"}
    texts = ["abc", "ccba", "d", "abcd ab"]
    outputs = [[each.text for each in model(texts)] for model in (before, after)]
    assert outputs[0] == outputs[1] and any(outputs[0])
    assert "source vocabulary: 8 subwords of the model, 3 new characters" in grown.err
    device = DeviceTranslator.load(export_tflite(after, work / "grown.tflite"))
    texts += ["éø", "aßb", "ø 한"]
    assert [found.text for found in device(texts)] == [found.text for found in after(texts)]


def test_new_subwords_start_from_the_weights_of_the_pieces_that_spell_them(pieces, work, run):
    new = overrides("new_vocabulary=target", "target_vocabulary_size=14")
    outcome = run("train", "new.toml", "--from", pieces, "--output", "new", *NO_LEARNING, *new)
    assert outcome.code == 0, outcome.err
    before, after = Translator.load(pieces), Translator.load("new")
    assert len(after.codec.target.vocabulary) == 14
    assert after.codec.source.vocabulary.tokens[:12] == before.codec.source.vocabulary.tokens
    origins = token_origins(before.codec.target, after.codec.target)
    assert any(len(ids) > 1 for ids in origins) and [] in origins
    for name, axes in (("target_embedding", [0]), ("output_projection", [1, 0])):
        old, found = (weights_of(folder)[name] for folder in (pieces, "new"))
        for values, weight, axis in zip(old, found, axes, strict=True):
            np.testing.assert_allclose(weight, remap(values, origins, axis), atol=1e-5)


def test_a_new_vocabulary_is_learned_from_the_old_pairs_too(work, run):
    new = overrides("new_vocabulary=both", "replay=0.6")
    outcome = run("train", "new.toml", "--from", "base", "--output", "new", *new)
    assert outcome.code == 0, outcome.err
    tokens = set(Translator.load("new").codec.source.vocabulary.tokens)
    replayed = {letter for source, _ in read_origin("new").replayed for letter in source}
    assert replayed <= tokens and "ø" in tokens and replayed - set("abcdéøß")


def test_frozen_layers_stay_bitwise_equal_and_exports_equal_the_model(work):
    assert [is_kept(name) for name in ("encoder", "bridge", "decoder")] == [True, True, False]
    tuned = Translator.load("tuned")
    device = DeviceTranslator.load(export_tflite(tuned, work / "tuned.tflite"))
    texts = [*OLD_TEXTS, "éøß", "aé"]
    assert [found.text for found in device(texts)] == [found.text for found in tuned(texts)]


def test_a_run_records_its_start_model_and_resumes_without_it(work, run):
    origin = json.loads((work / "tuned" / "origin.json").read_text())
    assert origin["model"]["path"] == str(work / "base" / "model.keras")
    hidden = (work / "base").rename(work / "hidden")
    resumed = run(
        "train", "new.toml", "--output", "tuned", "--resume", *overrides("epochs=2", *TUNED)
    )
    assert resumed.code == 0, resumed.err
    assert "cannot measure how much" in resumed.err
    hidden.rename(work / "base")
    assert [is_kept(name) for name in ("encoder", "bridge", "decoder")] == [True, True, False]


def test_a_fine_tuned_model_is_kept_if_the_earlier_pairs_cannot_be_read(work, caplog):
    (work / "base" / "held_out.jsonl").unlink()
    report_forgetting(read_origin("tuned").model, Translator.load("tuned"), "exact_match")
    assert "held_out.jsonl: expected a file that can be read" in caplog.text
    assert "cannot measure how much" in caplog.text


def test_a_resumed_recipe_may_need_settings_of_the_start_model(work, run):
    train(load_recipe("reverse", [*BASE, "dropout=0.2"]), "base", overwrite=True)
    (work / "new.toml").write_text('name = "dropped"\n' + RECIPE + "r_drop = 1\n")
    for options in (["--from", "base"], ["--resume", *overrides("epochs=2")]):
        outcome = run("train", "new.toml", *options)
        assert outcome.code == 0, outcome.err
    refused = run("train", "new.toml")
    assert refused.code == 2 and "`training.r_drop` requires dropout" in refused.err


def test_a_run_killed_before_its_first_checkpoint_starts_from_the_same_model_again(work, run):
    shutil.rmtree(work / "tuned" / "checkpoints")
    resumed = run("train", "new.toml", "--output", "tuned", "--resume", *overrides(*TUNED))
    assert resumed.code == 0, resumed.err
    assert is_kept("encoder")
    with open(work / "base" / "model.keras", "ab") as file:
        file.write(b" ")
    shutil.rmtree(work / "tuned" / "checkpoints")
    refused = run("train", "new.toml", "--output", "tuned", "--resume", *overrides(*TUNED))
    assert refused.code == 2
    assert "changed since a run was started from it" in refused.err


def test_the_share_of_old_pairs_is_the_requested_one(work, run):
    replayed = read_origin("tuned").replayed
    assert len(replayed) == 12  # the 18 new training pairs are the other 60 %
    assert all(target == source[::-1] for source, target in replayed)
    held_out = {*read_held_out("base").pairs, *read_held_out("tuned").pairs}
    assert not set(replayed) & held_out
    start = StartModel.find("base")
    drawn = [start.draw_pairs(0.4, NEW[:18], list(held_out), seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] == replayed != drawn[2]
    (work / "tuned" / "replay.jsonl").write_text('["a", "b"]\n')
    resumed = run("train", "tuned/recipe.toml", "--output", "tuned", "--resume")
    assert (resumed.code, "different sha256" in resumed.err) == (2, True)


def test_a_request_for_more_old_pairs_than_exist_logs_a_warning(work, caplog):
    drawn = StartModel.find("base").draw_pairs(0.9, NEW, [], 1)
    assert len(drawn) <= 100
    assert "which has only" in caplog.text


def test_evaluate_measures_on_the_held_out_pairs_of_the_start_model(work, run):
    outcome = run("evaluate", "tuned", "base", "--held-out-of", "base", "--metrics", "exact_match")
    assert outcome.code == 0, outcome.err
    assert "20 pairs" in outcome.out and "tuned" in outcome.out
    both = run("evaluate", "tuned", "--held-out-of", "base", "--data", "new.tsv")
    assert both.code == 2 and "--held-out-of and --data exclude each other" in both.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "base", "--resume"], "--from starts a new run and --resume continues one"),
        (["--from", "base", "--output", "base", "--overwrite"], "is in this folder; choose"),
        (["--from", "nowhere"], "nowhere: no such folder; expected a trained model"),
        (["--from", "new.toml"], "for --from. Received: a file."),
        (["--from", "."], "expected the folder of a trained model"),
        (["--from", "base", "--set", "units=16"], "`model.units` must be 8, as in the model"),
        (["--from", "base", "--set", "freeze=encodr"], "`training.freeze` must name layers among"),
        (["--from", "base", "--set", "rates=encodr=1"], "`training.rates` must name layers among"),
        (["--from", "base", "--set", "rates=encoder"], "`training.rates` must be items such as"),
        (["--set", "new_vocabulary=both"], "`training.new_vocabulary` replaces the vocabularies"),
        (
            ["--from", "base", "--set", "new_vocabulary=new"],
            "`training.new_vocabulary` must be one of 'none', 'source', 'target', 'both'",
        ),
        (["--set", "replay=0.5"], "`data.replay` draws training pairs from the run"),
        (["--from", "base", "--set", "replay=1"], "`data.replay` must be a finite number"),
    ],
)
def test_what_cannot_be_fine_tuned_is_refused_before_anything_is_written(
    work, run, arguments, message
):
    before = contents(work)
    outcome = run("train", "new.toml", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert contents(work) == before


def test_a_model_without_its_recipe_cannot_be_fine_tuned(work, run):
    (work / "base" / "recipe.toml").unlink()
    outcome = run("train", "new.toml", "--from", "base", "--output", "new")
    assert outcome.code == 2 and "base: has no recipe.toml, so the settings" in outcome.err


def test_show_prints_the_settings_of_the_start_model(work, run):
    outcome = run("train", "new.toml", "--from", "base", "--show")
    assert outcome.code == 0
    assert "\nunits = 8\n" in outcome.out and 'placement = "after"' in outcome.out
