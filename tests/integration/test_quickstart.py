"""The first command of the README, with a small model."""

from runs import contents, overrides

from keras_attention.export import verify
from keras_attention.training.run.run_files import check_removable

try:
    import resource
except ImportError:  # Windows
    resource = None

TINY = overrides("size=200", "held_out=40", "epochs=1", "units=16", "embedding=8", "batch_size=32")
MADE = {
    "1/saved_model.pb",
    "accuracy.png",
    "alignment.png",
    "checkpoints/epoch-0001.keras",
    "dates.tflite",
    "metrics.csv",
    "model.keras",
    "recipe.toml",
    "source.vocabulary.txt",
    "target.vocabulary.txt",
    "translator.json",
    "versions.json",
}


def check_full_disk(run, folder):
    """Check that a full disk causes a one-sentence error and leaves no incomplete files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        full = run("quickstart", "--output", folder, *TINY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.code == 2
    shown_message = (
        f"error: {folder / 'dates' / 'model.keras'}: expected a path that can be written. "
    )
    assert full.err.endswith(f"{shown_message}Received: File too large.\n")
    ends = (".keras", ".lock")
    assert not [name for name in contents(folder) if name.endswith(ends) or "unfinished" in name]


def test_quickstart_trains_shows_exports_verifies_and_resumes(run, eagerly, tmp_path, monkeypatch):
    if resource is not None:  # Unix
        check_full_disk(run, tmp_path / "models")
    first = run("quickstart", "--output", tmp_path / "models", *TINY)
    assert first.code == 0
    assert MADE <= contents(tmp_path / "models" / "dates").keys()
    assert first.out.count("epoch 1 of 1  step 5 of 5  loss ") == 2  # one epoch of each model
    assert "exact match" in first.out and "of 40 pairs" in first.out
    assert first.out.count("(score -") == 5
    assert first.out.count("agrees") == 2 and first.out.count("100.00%") >= 2
    assert "What to do next:" in first.out
    assert [path.name for path in sorted((tmp_path / "models").iterdir())] == [
        "dates",
        "dates-fixed-vector",
    ]

    other = run("quickstart", "--output", tmp_path / "models", *TINY, "--set", "units=32")
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert "the run was started with `units = 16`; to keep its settings, run" in other.err

    weights = (tmp_path / "models" / "dates" / "model.keras").stat()
    # Do not export again: it is slow, and other tests check that the result is the same.
    monkeypatch.setattr("keras_attention.cli.exports.export_all", lambda *_: [])
    again = run("quickstart", "--output", tmp_path / "models", *TINY)
    assert again.code == 0
    assert "step 5 of 5" not in again.out
    assert (tmp_path / "models" / "dates" / "model.keras").stat() == weights
    assert len(verify.find_exports(tmp_path / "models" / "dates")) == 2
    check_removable(tmp_path / "models" / "dates")  # --overwrite accepts every file that we write
