import pytest

from keras_attention.training.assembly import precision
from keras_attention.training.assembly.precision import RunPrecision
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.run.origin import Origin
from keras_attention.training.run.run_folder import RunFolder
from keras_attention.training.run.run_start import _resume_origin


@pytest.fixture
def resume(tmp_path, monkeypatch):
    """Return `resume(stored, here)`, which resumes a run of precision `stored`.

    The machine that resumes the run would choose the precision `here`.
    """

    def resume(stored, here):
        if stored:
            for name, content in Origin(RunPrecision(stored, "then")).to_files().items():
                (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(precision, "_native", lambda: (here, "now"))
        recipe = load_recipe("dates", ["precision=auto", "units=512"])
        return _resume_origin(recipe, RunFolder(tmp_path)).precision

    return resume


@pytest.mark.parametrize(("stored", "here"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_a_resumed_run_keeps_its_precision_on_another_machine(resume, stored, here, caplog):
    caplog.set_level("INFO", logger="keras_attention")
    assert resume(stored, here) == RunPrecision(stored, "then")
    assert f"continues in {stored}" in caplog.text
    assert f"would choose {here} on this machine" in caplog.text


def test_the_same_choice_is_not_reported(resume, caplog):
    assert resume("bfloat16", "bfloat16").name == "bfloat16"
    assert not caplog.messages


def test_a_run_of_an_older_version_gets_the_precision_of_its_recipe(resume):
    assert resume("", "bfloat16").name == "bfloat16"
