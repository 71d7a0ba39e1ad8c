"""A diverging run stops with an error before its weights are saved."""

import math

import numpy as np
import pytest

from keras_attention import Seq2Seq
from keras_attention.training.callbacks.divergence import EXPLODED, DivergedError, StopDiverged
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.run.training_plan import TrainingPlan

PLAN = TrainingPlan(epochs=3, steps_per_epoch=10, interval=5, intervals=6)


@pytest.fixture
def watch(tmp_path):
    """Return the callback for a small model that is in its second epoch."""

    def watch(vocabulary_size=100, **training):
        model = Seq2Seq(5, 5, units=2, embedding=2)
        model.build()
        run = RunFolder(tmp_path)
        callback = StopDiverged(run, TrainingConfig(**training), vocabulary_size, PLAN)
        callback.set_model(model)
        callback.on_epoch_begin(2)
        return callback

    return watch


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_training_at_its_step(watch, loss):
    callback = watch(clip_norm=0.0, learning_rate=5.0)
    callback.on_train_batch_end(0, {"loss": 1e3})
    with pytest.raises(DivergedError) as caught:
        callback.on_train_batch_end(1, {"loss": loss})
    assert str(caught.value) == (
        f"training diverged in epoch 2, step 12: the loss is not a finite number ({loss}). No "
        "model has been saved. Lower training.learning_rate (now 5) or set training.clip_norm (now "
        f"0, no clipping), and start again with --overwrite ({callback.run.path})."
    )


def test_a_weight_that_is_not_finite_stops_training_before_validation(watch, tmp_path):
    callback = watch()
    callback.on_train_batch_end(4, {"loss": 1.0})
    callback.on_epoch_end(2, {"loss": 1.0})
    weight = callback.model.trainable_variables[0]
    weight.assign(np.full(weight.shape, np.nan))
    (tmp_path / "model.keras").touch()
    kept = rf"not a finite number\. The best earlier model is kept in {tmp_path}\. --resume uses"
    with pytest.raises(DivergedError, match=kept):
        callback.on_epoch_end(2, {"loss": 1.0})


def test_a_held_out_loss_that_is_nan_stops_training(watch):
    watch().on_epoch_end(2, {"loss": 1.0, "val_loss": math.inf})
    with pytest.raises(DivergedError, match="the held-out loss is nan. No model has been saved"):
        watch().on_epoch_end(2, {"loss": 1.0, "val_loss": math.nan})


def test_a_mean_loss_far_above_the_loss_of_uniform_predictions_stops_training(watch):
    limit = EXPLODED * math.log(100)
    watch().on_epoch_end(2, {"loss": limit - 0.01})
    with pytest.raises(
        DivergedError, match="while uniform predictions have a cross-entropy of 4.61"
    ):
        watch().on_epoch_end(2, {"loss": limit + 0.01})
    watch(guided_alignment=1.0).on_epoch_end(2, {"loss": 2 * limit - 0.01})
    watch(r_drop=1.0).on_epoch_end(2, {"loss": 2 * limit - 0.01})


def test_the_l2_penalty_raises_the_limit_of_the_loss(watch):
    callback = watch(l2=10.0)
    norm = sum(np.square(v).sum() for v in callback.model.get_weights() if v.ndim > 1)
    limit = EXPLODED * math.log(100) + 10 * norm
    callback.on_epoch_end(2, {"loss": limit - 0.1})
    with pytest.raises(DivergedError):
        callback.on_epoch_end(2, {"loss": limit + 0.1})
