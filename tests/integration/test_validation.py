"""Validation every few steps and early stopping also work after a kill."""

import keras
import numpy as np
import pytest
from runs import copy_after

from keras_attention import CharacterTokenizer, Seq2Seq, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.text.padded_batches import BATCH_TOKENS
from keras_attention.training.batches.recipe_batches import validation_batches
from keras_attention.training.callbacks.samples import ShowSamples
from keras_attention.training.callbacks.validate import Validate
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train
from keras_attention.translation.codec import TextCodec

TINY = [
    "size=300",
    "held_out=20",
    "units=8",
    "embedding=4",
    "batch_size=16",
    "learning_rate=0.01",
    "dropout=0.2",
]


def weights_at_the_end(folder):
    model = keras.models.load_model(RunFolder(folder).last_checkpoint()[1])
    found = [*model.weights, *model.optimizer.variables]
    return [weight.numpy() for weight in found if weight.name != "seed_generator_state"]


def test_validation_every_few_steps_and_patience_survive_a_kill(eagerly, tmp_path, monkeypatch):
    # An epoch has 5 steps, so validations fall within epochs. The model learns too little for an
    # exact match, so the third validation is the second in a row without a new best value.
    settings = [*TINY, "size=100", "epochs=5", "validate_every=2", "patience=2"]
    recipe = load_recipe("dates", settings)
    with monkeypatch.context() as patch:
        copy_after(2, tmp_path / "killed", patch)
        train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "killed", resume=True)
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    assert whole.values("step") == [2, 4, 6]
    assert whole.values("val_exact_match") == [0, 0, 0]
    assert whole.metrics_file.read_bytes() == killed.metrics_file.read_bytes()
    states = [weights_at_the_end(tmp_path / name) for name in ("whole", "killed")]
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    # A run that has stopped early stays stopped.
    before = whole.metrics_file.read_bytes(), whole.last_checkpoint()
    assert train(recipe, tmp_path / "whole", resume=True)("1/1/70").tokens
    assert (whole.metrics_file.read_bytes(), whole.last_checkpoint()) == before


def test_the_first_validation_must_come_before_the_end_of_the_run(tmp_path):
    recipe = load_recipe("dates", [*TINY, "epochs=2", "validate_every=37"])
    with pytest.raises(InputError, match=r"must be at most .* steps, 36; 0 validates"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("watching", ["schedule=plateau", "patience=3"])
def test_callbacks_that_watch_the_metric_require_held_out_pairs(tmp_path, watching):
    name, value = watching.split("=")
    settings = [*TINY, "held_out=0", watching]
    with pytest.raises(InputError, match=f"{name}`='?{value}'? depends on the held-out metric and"):
        train(load_recipe("dates", settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_held_out_pair_over_the_limits_is_not_decoded(tmp_path, monkeypatch, caplog):
    pairs = [f"{number}\t{number * 7}" for number in range(40)]
    dev = [*pairs[:5], f"{'1' * 5000}\t1", *pairs[5:8], f"1\t{'1' * 70}"]
    for name, lines in (("train", pairs), ("dev", dev)):
        (tmp_path / f"{name}.tsv").write_text("".join(f"{line}\n" for line in lines))
    settings = [f"path={tmp_path}/train.tsv", f"validation_path={tmp_path}/dev.tsv"]
    recipe = load_recipe("dates", [*TINY, "format=tsv", "held_out=0", *settings])
    given = {}
    monkeypatch.setattr(Seq2Seq, "fit", lambda model, **options: given.update(options))
    monkeypatch.setattr("keras_attention.training.fit._load_best", lambda *_: None)
    with caplog.at_level("WARNING", "keras_attention"):
        train(recipe, tmp_path / "run")
    (validate,) = [each for each in given["callbacks"] if isinstance(each, Validate)]
    (samples,) = [each for each in given["callbacks"] if isinstance(each, ShowSamples)]
    kept = [tuple(line.split("\t")) for line in pairs[:8]]
    assert validate.pairs == kept and samples.pairs == kept[:4]
    assert sum(len(batch[1]) for batch in given["validation_data"]) == 8
    assert [message for message in caplog.messages if "dropped" in message] == [
        "dropped 2 of 10 held-out pairs: 1 sources over 64 tokens, 1 targets over 16 tokens"
    ]


def test_validation_batches_are_limited_by_tokens(tmp_path):
    recipe = load_recipe("dates", [*TINY, "max_source_length=2000", "max_target_length=10"])
    pairs = [("1" * 1900, "1"), *[("1", "1")] * 299]
    tokenizer = CharacterTokenizer(Vocabulary("1"))
    codec = TextCodec(tokenizer, tokenizer, SearchSettings(2000, 10))
    batches = validation_batches(recipe, codec, pairs)
    shapes = [tuple(source.shape) for (source, *_), _ in batches.once()]
    assert sum(rows for rows, _ in shapes) == 300
    assert max(rows * steps for rows, steps in shapes) <= BATCH_TOKENS
