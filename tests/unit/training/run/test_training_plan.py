"""The length of a run is checked before its first step."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training.recipe.sections import TrainingConfig
from keras_attention.training.run.training_plan import TrainingPlan


def test_a_run_is_cut_into_stretches_of_steps_or_of_epochs():
    assert TrainingPlan.of(TrainingConfig(epochs=3), 10) == TrainingPlan(3, 10, 10, 3)
    plan = TrainingPlan.of(TrainingConfig(epochs=3, validate_every=8), 10)
    assert plan == TrainingPlan(3, 10, 8, 4) and plan.steps == 32


def test_a_validation_must_come_before_the_end():
    with pytest.raises(InputError, match=r"must be at most the number of all steps, 30; 0 validat"):
        TrainingPlan.of(TrainingConfig(epochs=3, validate_every=31), 10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accumulate": 31}, r"number of all steps, 30, for one update\. Received: .*=31"),
        ({"accumulate": 3, "warmup": 101}, r"at most 10 times the number of all updates, 10, or"),
    ],
)
def test_weights_must_be_updated_and_by_more_than_nearly_nothing(settings, message):
    config = TrainingConfig(epochs=3, **settings)
    with pytest.raises(InputError, match=message):
        TrainingPlan.of(config, 10).check_updates(config)


def test_a_warm_up_longer_than_the_run_is_warned_of(caplog):
    for warmup, warned in ((30, False), (40, True)):
        config = TrainingConfig(epochs=3, warmup=warmup)
        TrainingPlan.of(config, 10).check_updates(config)
        assert ("reaches only 75% of training.learning_rate" in caplog.text) is warned
