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
def test_one_epoch_with_half_the_batch_size_suffices_for_the_public_dates(tmp_path):
    recipe = load_recipe("dates")
    assert (recipe.training.epochs, recipe.training.batch_size) == (3, 128)
    # One epoch now has as many updates as two epochs of the recipe, on half as many examples.
    recipe = load_recipe("dates", [f"data.path={DATES}", "epochs=1", "batch_size=64"])
    translator = train(recipe, tmp_path)
    training, held_out = split_pairs(recipe.data, recipe.seed)
    assert (len(training), len(held_out)) == (45_000, 5_000)
    (accuracy,) = RunFolder(tmp_path).values("val_exact_match")  # of all held-out pairs
    assert accuracy >= 0.999
    # The returned model is the one that was validated, so a part of the pairs is enough.
    assert evaluate(translator, held_out[:500]).exact_match >= 0.998
