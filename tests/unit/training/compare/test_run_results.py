"""Trained runs are measured; a translator that copies stands in for their models."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.text.tokenizers import CharacterTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.compare import run_results
from keras_attention.training.compare.comparison import Result, plan_runs, read_result
from keras_attention.training.compare.variants import expand_grid
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Hypothesis, Translation


class Copier:
    """A translator that copies letters, and records the lengths of the texts."""

    model = SimpleNamespace(longest=None)

    def __init__(self):
        letters = CharacterTokenizer(Vocabulary("abcdefghijklmnopqrstuvwxyz"))
        self.codec = TextCodec(letters, letters, SearchSettings(9, 9))
        self.decoded_lengths = set()

    def __call__(self, texts, *, max_length):
        self.decoded_lengths |= set(map(len, texts))
        tokens = [(*text, "</s>") for text in texts]
        return [
            Translation(text, told, (Hypothesis(text, -1.0, told, None),))
            for text, told in zip(texts, tokens, strict=True)
        ]


@pytest.fixture
def copier(monkeypatch):
    copier = Copier()
    monkeypatch.setattr(run_results.Translator, "load", lambda folder: copier)
    return copier


@pytest.fixture
def trained(tmp_path):
    """Return `save(*settings, **known)`, which saves known measurements and returns their run."""

    def save(*settings, **known):
        grid = expand_grid("copy", settings, vary=["units=8"])
        (run,) = plan_runs(grid.variants, 1, tmp_path)
        recipe = run.recipe.to_toml()
        Result(recipe, "exact_match", 0.5, (0.5,), 9, 1.0, 2.0, **known).save(run)
        return run

    return save


def test_no_alignment_is_measured_without_held_out_pairs(copier, trained):
    run = trained("held_out=0", alignment=None)
    assert run_results.complete_run(run).alignment == {}
    assert read_result(run).alignment == {}


def test_for_an_additional_length_the_other_lengths_are_not_measured_again(copier, trained):
    known = {"pairs": 500, "value": 0.25, "errors": 0.5}
    run = trained(alignment={}, lengths={"10": known})
    lengths = run_results.complete_run(run, [10, 20]).lengths
    assert lengths == {"10": known, "20": {"pairs": 500, "value": 1.0, "errors": 0.0}}
    assert copier.decoded_lengths == {20}
    assert read_result(run).lengths == lengths


@pytest.mark.parametrize("attention", ["peeky", "none"])
def test_no_alignment_is_measured_for_models_without_alignment(attention, copier, trained):
    run = trained(f"attention={attention}", alignment=None)
    assert run_results.complete_run(run).alignment == {}


def test_runs_with_the_same_pairs_and_tokenizers_share_the_store_of_large_data(
    trained, tmp_path, monkeypatch
):
    stores = []

    def train(recipe, folder, *, resume, store):
        stores.append(store)
        raise InputError("enough.")

    monkeypatch.setattr(run_results, "train", train)
    run = trained()
    run.result_file.unlink()
    recipe = run.recipe
    larger = replace(recipe, model=replace(recipe.model, units=recipe.model.units * 2))
    lowercase = replace(recipe, text=replace(recipe.text, lowercase=True))
    for each in (recipe, larger, lowercase, replace(recipe, seed=recipe.seed + 1)):
        with pytest.raises(InputError, match="enough"):
            run_results.complete_run(replace(run, recipe=each))
    assert stores[0] == stores[1] and len({*stores}) == 3
    assert {path.parent for path in stores} == {tmp_path.parent}
    assert all(path.name.startswith(tmp_path.name) and path.suffix == ".store" for path in stores)
