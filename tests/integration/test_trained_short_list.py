"""Training with a short list writes it, and the command line uses it."""

import numpy as np
import pytest
from runs import train_eagerly

from keras_attention import Translator
from keras_attention.cli.runtimes import lines_at_once, open_translator
from keras_attention.errors import InputError
from keras_attention.training.assembly.short_list import learn_short_list
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.train import train

SETTINGS = [
    "format=tsv", "data.path=words.tsv", "held_out=20", "source_tokenizer=word",
    "target_tokenizer=word", "units=8", "embedding=6", "epochs=1", "batch_size=128",
    "bucket_width=1", "short_list=3",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Train a run that maps 1,200 source words to 1,200 target words."""
    path = tmp_path_factory.mktemp("short_list")
    (path / "words.tsv").write_text("".join(f"a{n} b{n % 7}\tw{n} v{n % 7}\n" for n in range(1200)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        train_eagerly(patch)
        train(load_recipe("dates", SETTINGS), path / "run")
    return path


def test_training_writes_a_short_list_that_search_uses(folder):
    translator = Translator.load(folder / "run")
    source = translator.codec.encode(["a5 b5", "a77 b0"])
    assert translator.short_list.by_source.shape == (len(translator.codec.source.vocabulary), 3)
    assert len(translator.short_list.allowed(source)) == 512
    found = translator("a5 b5")
    (searched,) = open_translator(folder / "run")(["a5 b5"])
    assert searched.score == pytest.approx(found.score)
    (whole,) = open_translator(folder / "run", whole_vocabulary=True)(["a5 b5"])
    # With a short list, fewer tokens share the probability, so each gets more.
    assert found.score > whole.score
    translator.short_list = None
    assert whole.score == pytest.approx(translator("a5 b5").score)


def test_a_target_without_alignment_is_not_added_to_the_short_list(folder, monkeypatch):
    translator = Translator.load(folder / "run")
    codec = translator.codec
    source, target = codec.encode(["a5 b5"]), codec.target.encode("w5 v5")
    weights = np.zeros((1, len(target), source.shape[1]), "float32")
    weights[0, 1, 1] = 1  # v5 attends to b5; w5 attends to nothing
    monkeypatch.setattr(Translator, "aligner", lambda self, source, target_in: weights)
    batch = (source, np.zeros((1, len(target)))), np.array([target])
    learned = learn_short_list(translator, [batch], 2).by_source
    assert learned[source[0, 1]].tolist() == [target[1], 0]
    assert not learned[source[0, 0]].any()


def test_lines_are_searched_in_large_groups_only_if_they_are_sorted(folder, tmp_path):
    assert lines_at_once(folder / "run", 4) == 64
    assert lines_at_once(folder / "run", 4, sample=True) == 4
    (tmp_path / "saved_model.pb").touch()
    assert lines_at_once(tmp_path, 4) == 4


def test_a_vocabulary_too_small_for_a_short_list_is_refused(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    recipe = load_recipe("dates", [*SETTINGS, "target_vocabulary_size=900"])
    with pytest.raises(InputError, match="at least 1024 tokens. Received: 9"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
