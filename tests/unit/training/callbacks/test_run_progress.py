import io
import os

import pytest

from keras_attention.errors import InputError
from keras_attention.files.path_errors import errors_of_writing
from keras_attention.training.callbacks.progress import (
    REPORT_EVERY,
    LogProgress,
    ShowProgress,
    TimeLeft,
    _print_line,
    describe_best,
    make_progress,
)
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.run.training_plan import TrainingPlan

PLAN = TrainingPlan(epochs=3, steps_per_epoch=100, interval=50, intervals=6)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_time_left_is_estimated_from_the_steps_of_this_session():
    clock = Clock()
    left = TimeLeft(PLAN, clock)
    left.start(50)
    assert left.words(50) == ""
    clock.now = 20.0
    left.start(100)  # has no effect, because the clock is already running
    assert left.seconds(150) == pytest.approx(20 / 100 * 150)
    assert (left.words(150), left.words(300)) == ("about 30 s left", "")


def test_lines_show_the_recipes_epochs_once_per_minute(capsys):
    clock = Clock()
    lines = LogProgress(PLAN, clock)
    lines.on_epoch_begin(2)
    for batch, now in enumerate((10.0, REPORT_EVERY, 70.0, 2 * REPORT_EVERY - 1)):
        clock.now = now
        lines.on_train_batch_end(batch, {"loss": 1.5})
    clock.now = 150.0
    lines.on_epoch_end(2, {"loss": 1.25, "val_exact_match": 0.5, "step": 150})
    assert capsys.readouterr().out == (
        "epoch 1.0 of 3  step 102 of 300  loss 1.5000  about 1 h 39 min left\n"
        "epoch 1.5 of 3  step 150 of 300  loss 1.2500  val_exact_match 0.5000  2 min  "
        "about 8 min left\n"
    )


def test_a_terminal_shows_a_bar_with_the_recipes_epochs(capsys, monkeypatch):
    assert isinstance(make_progress(PLAN), LogProgress)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    bar = make_progress(PLAN)
    assert isinstance(bar, ShowProgress)
    bar.set_params({"verbose": 1, "epochs": 6, "steps": 50})
    bar.on_epoch_begin(0)
    assert capsys.readouterr().out == "to epoch 0.5 of 3, step 50\n"


def best_of(tmp_path, content, **training):
    run = RunFolder(tmp_path)
    run.metrics_file.write_text(content)
    return describe_best(TrainingConfig(**training), run, PLAN)


def test_the_message_names_the_best_epoch_and_the_reason_for_stopping(tmp_path):
    head = "epoch,step,val_exact_match,val_loss\n"
    rows = "0,50,0.25,1.0\n1,100,0.75,2.0\n2,150,0.75,1.5\n3,200,0.5,1.0\n"
    assert best_of(tmp_path, head + rows, patience=1) == (
        "The best val_exact_match, 75.00%, was first reached after epoch 1; the model after epoch "
        "1.5 is kept, because it has the same value and a lower held-out loss. Training stopped "
        "after epoch 2 of 3 (training.patience=1), because no value after epoch 1 was better; an "
        "equal value is not better."
    )
    full = "".join(f"{n},{50 * n + 50},{min(n, 4)}\n" for n in range(6))
    assert best_of(tmp_path, "epoch,step,val_chrf\n" + full, metric="chrf") == (
        "The best val_chrf, 4.00, was reached after epoch 2.5; this model is kept."
    )


@pytest.mark.parametrize(
    ("schedule", "advice"),
    [
        ("constant", "continue with --resume --set epochs=N."),
        ("cosine", "start a new run with more training.epochs."),  # its epochs cannot change
    ],
)
def test_the_message_says_that_the_metric_was_still_improving(tmp_path, schedule, advice):
    rows = "".join(f"{n},{50 * n + 50},{30 - n}\n" for n in range(6))
    message = best_of(tmp_path, "epoch,step,val_wer\n" + rows, metric="wer", schedule=schedule)
    assert message == (
        "The best val_wer, 25.00, was reached after epoch 3; this model is kept. No earlier value "
        f"was as good, so longer training may help: {advice}"
    )


@pytest.mark.parametrize(
    ("metric", "values", "shown"),
    [("exact_match", (0.5, 0.75, 0.99999), "100.00%"), ("wer", (9, 1, 0), "0.00")],
)
def test_a_perfect_value_brings_no_advice_to_train_for_longer(tmp_path, metric, values, shown):
    rows = "".join(f"{n},{100 * n + 100},{value}\n" for n, value in enumerate(values))
    assert best_of(tmp_path, f"epoch,step,val_{metric}\n" + rows, metric=metric) == (
        f"The best val_{metric}, {shown}, was reached after epoch 3; this model is kept."
    )


def test_missing_metrics_of_early_epochs_do_not_count_as_early_stopping(tmp_path):
    message = best_of(tmp_path, "epoch,step,val_exact_match\n4,250,0.5\n5,300,0.25\n")
    assert message == (
        "The best val_exact_match, 50.00%, was reached after epoch 2.5; this model is kept."
    )


def test_a_run_without_held_out_pairs_keeps_the_last_model(tmp_path):
    message = best_of(tmp_path, "epoch,step,loss\n0,50,1.0\n")
    assert message == "No pairs are held out: the model after the last epoch is kept."


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_an_error_when_writing_to_standard_output_does_not_name_the_run_folder(monkeypatch):
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(full, write_through=True))
        with pytest.raises(InputError, match="standard output: .* No space left on device"):
            with errors_of_writing("run"):
                _print_line("epoch 1")
