import keras
import numpy as np
import pytest

from keras_attention.objectives.schedules import WarmUp

STEPS = (0, 1, 8, 9, 10, 39, 999)


@pytest.mark.parametrize("decay", [True, False])
def test_the_rate_grows_linearly_then_decays_or_stays(decay):
    schedule = WarmUp(0.5, 10, decay=decay)
    for step in STEPS:
        after = np.sqrt(10 / (step + 1)) if decay else 1.0
        expected = 0.5 * min((step + 1) / 10, after)
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-6)


def test_a_warm_up_of_one_step_starts_at_the_peak():
    rates = [float(WarmUp(0.5, 1)(step)) for step in (0, 3)]
    assert rates == pytest.approx([0.5, 0.25])


def test_a_warm_up_has_at_least_one_step():
    with pytest.raises(ValueError, match=r"`warmup` must be at least 1\. Received: warmup=0\."):
        WarmUp(0.5, 0)


def test_an_optimizer_is_saved_with_its_schedule_and_its_step(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(WarmUp(0.5, 4, decay=False)), loss="mse")
    batch = np.ones((1, 2)), np.ones((1, 1))
    model.fit(*batch, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").optimizer
    schedule = loaded._learning_rate
    assert type(schedule) is WarmUp
    assert schedule.get_config() == {"rate": 0.5, "warmup": 4, "decay": False}
    assert float(loaded.learning_rate) == pytest.approx(0.5 * 3 / 4)
