"""An export that is killed does not change the existing files."""

import shutil
import signal
import subprocess
import sys

import pytest
from runs import contents

from keras_attention.export.saved_model.manifest import check_manifest
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator

EXPORT = '''
import os, signal, sys
import tensorflow as tf
from types import SimpleNamespace
from keras_attention import Translator
from keras_attention.export.saved_model import saved_model
from keras_attention.export.saved_model.limits import Limits

folder, deadly, end = sys.argv[1:]

class Echo(tf.Module):
    """A stub for the model's graphs, because tracing them takes seconds."""
    def __init__(self, translator, limits):
        texts = tf.TensorSpec([None], tf.string)
        self.limits, self.echo = Limits(), tf.function(lambda text: text, input_signature=[texts])
        self.signatures = SimpleNamespace(value={"serving_default": self.echo})

def die(event, arguments):
    if event == deadly and any(str(argument).endswith(end) for argument in arguments):
        os.kill(os.getpid(), signal.SIGKILL)

translator = Translator.load(folder)
sys.addaudithook(die)
saved_model.ServingModule = Echo
saved_model.export_saved_model(translator, folder, about={"run": "killed"})
'''
STAGES = {
    "after the variables are written": ("os.mkdir", "assets.extra"),
    "before the manifest is written": ("open", "manifest.json"),
    "before the old and new folders are swapped": ("ctypes.dlsym", "renameat2"),
}
"""The audit event of Python that kills the export, and the end of one of its arguments."""


@pytest.fixture(scope="module")
def exported(trained, translator, tmp_path_factory):
    """Return a copy of a model's folder with its SavedModel."""
    folder = tmp_path_factory.mktemp("model")
    translator.save(folder)
    shutil.copytree(trained / "1", folder / "1")
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_the_previous_version_stays_complete(trained, exported, stage):
    killed = subprocess.run(
        [sys.executable, "-c", EXPORT, exported, *STAGES[stage]], timeout=120, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    check_manifest(exported / "1")
    assert contents(exported / "1") == contents(trained / "1")
    assert [path.name for path in exported.iterdir() if path.name.isdigit()] == ["1"]


def test_the_next_export_removes_leftover_files(exported, translator):
    assert list(exported.glob(".1.unfinished-*"))
    export_saved_model(translator, exported, about={"run": "last"})
    assert not list(exported.glob(".1.unfinished-*"))
    assert check_manifest(exported / "1")["run"] == "last"
    assert (
        SavedModelTranslator.load(exported / "1")(["9/27/94"])[0].text == translator("9/27/94").text
    )
