"""`run_facts` describes a run for the model card of a preset, without paths of this machine."""

import pytest

from keras_attention.errors import InputError
from keras_attention.training import run_facts
from keras_attention.training.assembly.precision import RunPrecision
from keras_attention.training.data.datasets import DATASETS
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.fingerprints import Fingerprint
from keras_attention.training.run.origin import Origin
from keras_attention.training.run.run_data import RunData
from keras_attention.training.run.run_folder import RunFolder

PRECISION = RunPrecision("float32", "as set by training.precision")


@pytest.fixture
def start(tmp_path):
    def start(recipe, metrics="", model=None):
        run = RunFolder(tmp_path / "run")
        pairs = split_pairs(recipe.data, recipe.seed)
        files = Origin(PRECISION, model).to_files() | RunData.of(recipe, *pairs).to_files()
        run.start(recipe, files=files)
        run.metrics_file.write_text(metrics)
        return run.path

    return start


def test_generated_pairs_and_the_metrics_of_the_kept_model(start):
    metrics = "epoch,val_loss,val_exact_match\n0,0.5,0.75\n1,0.4,0.9\n2,0.3,0.9\n3,0.1,0.8\n"
    folder = start(load_recipe("dates", ["size=30", "held_out=10"]), metrics)
    assert run_facts(folder) == {
        "metrics": {"exact_match": "90.00%"},
        "training": {
            "recipe": "dates",
            "data": "30 generated pairs of the task dates",
            "held-out pairs": "10; the metrics are measured on them, and training chose the model "
            "by them",
        },
    }
    assert RunFolder(folder).best_row("exact_match")["epoch"] == 2


def test_a_public_data_set_with_its_licence_and_the_start_model(start, tmp_path):
    (tmp_path / "g2p").mkdir()
    for name in ("kor_train.tsv", "kor_dev.tsv"):
        (tmp_path / "g2p" / name).write_text("가\tk a\n나\tn a\n")
    recipe = load_recipe("g2p", [f"folder={tmp_path / 'g2p'}", "language=kor"])
    metrics = "epoch,val_loss,val_exact_match,val_g2p_wer\n0,0.5,0.75,25.0\n"
    model = Fingerprint("/home/somebody/models/g2p-jpn/model.keras", 10, "0" * 64)
    facts = run_facts(start(recipe, metrics, model))
    assert facts["metrics"] == {"exact_match": "75.00%", "g2p_wer": "25.00"}
    training = facts["training"]
    assert training["licence of the data"] == DATASETS["g2p"].licence
    assert training["source of the data"] == DATASETS["g2p"].source
    assert training["data"] == f"{DATASETS['g2p'].title} (kor)"
    assert training["fine-tuned from"] == "g2p-jpn"
    assert not [value for value in training.values() if str(tmp_path) in value or "/home" in value]


def test_nothing_is_said_about_own_files(start, tmp_path):
    (tmp_path / "secret.tsv").write_text("a\tb\nc\td\n")
    own = [f"path={tmp_path / 'secret.tsv'}", "validation_path=", "held_out=0"]
    recipe = load_recipe("g2p", own)
    assert run_facts(start(recipe)) == {"metrics": {}, "training": {"recipe": "g2p"}}


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected the folder of a run. Received: no recipe.toml"):
        run_facts(tmp_path)
