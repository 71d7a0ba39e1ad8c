"""An export that is killed leaves what stood there before, whole."""

import signal
import subprocess
import sys
import time

import pytest

from keras_attention.export.manifest import check_manifest
from keras_attention.export.saved_model import SavedModelTranslator, export_saved_model

EXPORT = """
import sys
from keras_attention import Translator
from keras_attention.export.saved_model import export_saved_model
export_saved_model(Translator.load(sys.argv[1]), sys.argv[1], about={"run": "killed"})
"""
STAGES = ("", "*/variables", "*/assets.extra/manifest.json")
"""What has been written, of what is not yet in its place, when the killer strikes."""


def kill_at(folder, stage, *, timeout=120):
    """Runs an export and kills it as soon as it has written so much; whether that was in time."""
    process = subprocess.Popen([sys.executable, "-c", EXPORT, folder], stderr=subprocess.DEVNULL)
    start = time.monotonic()
    try:
        while process.poll() is None and time.monotonic() - start < timeout:
            if any(folder.glob(f".1.unfinished-*/{stage}")):
                process.send_signal(signal.SIGKILL)
                return process.wait() == -signal.SIGKILL
            time.sleep(0.001)
        return False
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def exported(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    translator.save(folder)
    export_saved_model(translator, folder, about={"run": "first"})
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_the_version_before_stays_whole(exported, stage):
    assert kill_at(exported, stage)
    # The last stage may be over before the signal comes; then the new version stands, whole.
    runs = ["first"] if stage != STAGES[-1] else ["first", "killed"]
    assert check_manifest(exported / "1")["run"] in runs
    assert [path.name for path in exported.iterdir() if path.name.isdigit()] == ["1"]


def test_the_next_export_clears_up(exported, translator):
    assert list(exported.glob(".1.unfinished-*"))
    export_saved_model(translator, exported, about={"run": "last"})
    assert not list(exported.glob(".1.unfinished-*"))
    assert check_manifest(exported / "1")["run"] == "last"
    assert (
        SavedModelTranslator.load(exported / "1")(["9/27/94"])[0].text == translator("9/27/94").text
    )
