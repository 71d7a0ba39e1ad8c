"""A run can be prepared without a run folder."""

from keras_attention.training.prepare import prepare
from keras_attention.training.recipe.recipe import load_recipe


def test_preparing_a_recipe_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["size=50", "held_out=10", "longest=4", "units=4", "embedding=3", "batch_size=8"]
    prepared = prepare(load_recipe("copy", [*settings, "epochs=2", "data.max_source_length=4"]))
    assert not any(tmp_path.iterdir())
    assert prepared.plan.steps == 2 * prepared.batches.steps_per_epoch
    assert prepared.translator.single_model.optimizer.built
    kept = [pair for pair in prepared.start.data.held_out if len(pair[0]) < 4]
    assert prepared.decoded == kept and 0 < len(kept) < 10


def test_the_training_seed_shuffles_the_same_pairs_in_another_order():
    settings = ["size=50", "held_out=10", "longest=4", "units=4", "embedding=3", "batch_size=8"]
    one, two = (
        prepare(load_recipe("copy", [*settings, *more])) for more in ([], ["training.seed=2"])
    )
    assert one.start.training == two.start.training
    assert one.decoded == two.decoded
    assert one.start.codec.to_files() == two.start.codec.to_files()
    assert (one.batches.seed, two.batches.seed) == (1, 2)
