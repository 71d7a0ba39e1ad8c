"""The length of a run is checked before its first training step."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.run.training_plan import TrainingPlan


def test_a_validation_interval_is_a_number_of_steps_or_one_epoch():
    assert TrainingPlan.of(TrainingConfig(epochs=3), 10) == TrainingPlan(3, 10, 10, 3)
    plan = TrainingPlan.of(TrainingConfig(epochs=3, validate_every=8), 10)
    assert plan == TrainingPlan(3, 10, 8, 4) and plan.steps == 32


def test_a_run_that_ends_before_its_first_validation_is_an_error():
    with pytest.raises(InputError, match=r"be at most the total number of steps, 30; 0 validates"):
        TrainingPlan.of(TrainingConfig(epochs=3, validate_every=31), 10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accumulate": 31}, r"number of steps, 30, otherwise .* never updated\. Received: .*=31"),
        ({"accumulate": 3, "warmup": 101}, r"at most 10 times the total number of updates, 10, "),
    ],
)
def test_a_run_without_updates_or_with_a_learning_rate_near_0_is_an_error(settings, message):
    config = TrainingConfig(epochs=3, **settings)
    with pytest.raises(InputError, match=message):
        TrainingPlan.of(config, 10).check_updates(config)


def test_a_warm_up_longer_than_the_run_logs_a_warning(caplog):
    for warmup, warned in ((30, False), (40, True)):
        config = TrainingConfig(epochs=3, warmup=warmup)
        TrainingPlan.of(config, 10).check_updates(config)
        assert ("reaches only 75% of training.learning_rate" in caplog.text) is warned
