"""Errors about paths name the models that the user may have meant."""

from pathlib import Path

import pytest

from keras_attention.errors import InputError
from keras_attention.translation.file_names import SETTINGS_FILE
from keras_attention.translation.folders.model_paths import check_model_path
from keras_attention.translation.model_files import find_parts, load_codec


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("saved_models/dates", "saved_models/copy", "own/words"):
        Path(name).mkdir(parents=True)
        (Path(name) / SETTINGS_FILE).touch()
    Path("saved_models/dates/checkpoints").mkdir()
    Path("saved_models/dates/checkpoints/epoch-0001.keras").touch()
    Path("saved_models/dates/dates.tflite").touch()
    Path("empty").mkdir()


DATES = Path("saved_models/dates")
ERRORS = {
    "saved_models": "saved_models: expected the folder of a trained model. Received: a folder that "
    f"contains models; use one of {Path('saved_models/copy')}, {DATES}.",
    "datse": f"datse: no such folder; expected a trained model; the nearest is {DATES}.",
    "dates": f"dates: no such folder; expected a trained model; the nearest is {DATES}.",
    "own/word": f"{Path('own/word')}: no such folder; expected a trained model; the nearest is "
    f"{Path('own/words')}.",
    "other": "other: no such folder; expected a trained model.",
    "no/folder": f"{Path('no/folder')}: no such folder; expected a trained model.",
    "saved_models/dates/date.tflite": f"{DATES / 'date.tflite'}: no such file; expected a trained "
    f"model; the nearest is {DATES / 'dates.tflite'}.",
    "saved_models/dates/checkpoints/epoch-1.keras": f"{DATES / 'checkpoints' / 'epoch-1.keras'}: "
    "no such file; expected a trained model; the nearest is "
    f"{DATES / 'checkpoints' / 'epoch-0001.keras'}.",
    "saved_models/dates/checkpoints": f"{DATES / 'checkpoints'}: expected the folder of a trained "
    "model. Received: a folder inside the folder of the model dates.",
}


@pytest.mark.parametrize("path", ERRORS)
@pytest.mark.parametrize("check", [check_model_path, lambda path: load_codec(find_parts(path)[0])])
def test_the_error_names_the_models_near_a_path(path, check):
    with pytest.raises(InputError) as error:
        check(Path(path))
    assert str(error.value) == ERRORS[path]


def test_tflite_files_are_models_too():
    file = Path("exported") / "dates.tflite"
    file.parent.mkdir()
    file.touch()
    with pytest.raises(InputError) as error:
        check_model_path(file.parent)
    assert str(error.value).endswith(f"a folder that contains models; use one of {file}.")


def test_the_list_of_models_is_short():
    for number in range(15):
        folder = Path("many") / f"{number:02}"
        folder.mkdir(parents=True)
        (folder / SETTINGS_FILE).touch()
    with pytest.raises(InputError, match=f"{Path('many/09')} and 5 more.$".replace("\\", ".")):
        check_model_path(Path("many"))


@pytest.mark.parametrize("path", ["saved_models/dates", "saved_models/dates/dates.tflite", "empty"])
def test_a_path_that_may_be_a_model_is_accepted(path):
    check_model_path(Path(path))
