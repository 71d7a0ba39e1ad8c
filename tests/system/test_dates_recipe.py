"""The dates recipe on the whole public file of dates: 45,000 training and 5,000 held-out pairs."""

from pathlib import Path

import pytest

from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.evaluation.evaluate import evaluate
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.train import train

DATES = Path(__file__).parents[2] / "../shared/data/dates/date.txt"


@pytest.mark.skipif(not DATES.exists(), reason=f"requires the shared data: {DATES} is missing")
def test_two_of_the_recipes_three_epochs_suffice_for_the_public_dates(tmp_path):
    assert load_recipe("dates").training.epochs == 3
    recipe = load_recipe("dates", [f"data.path={DATES}", "epochs=2"])
    translator = train(recipe, tmp_path)
    training, held_out = split_pairs(recipe.data, recipe.seed)
    assert (len(training), len(held_out)) == (45_000, 5_000)
    assert evaluate(translator, held_out).exact_match >= 0.999
    assert len(RunFolder(tmp_path).metrics()) == 2
