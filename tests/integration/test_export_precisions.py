"""`export --tflite`: the table, the precision chosen by default, and refused precisions."""

import json
import shutil
from functools import partial

import pytest
from support import write_runtime

from keras_attention.cli.web_pages import PageOptions, page_of
from keras_attention.errors import InputError
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.saved_model import saved_model
from keras_attention.export.tflite import conversion as tflite
from keras_attention.export.tflite import quality_gate


@pytest.fixture(scope="module")
def copied(trained, tmp_path_factory):
    """Copy the trained model to a folder whose name contains a space."""
    folder = tmp_path_factory.mktemp("copied") / "my dates"
    shutil.copytree(trained, folder)
    (folder / "dates.tflite").unlink()
    return folder


@pytest.fixture(scope="module")
def conversions():
    return {}


@pytest.fixture(autouse=True)
def convert_once(conversions, monkeypatch):
    """Trace and convert each model only once, because this takes most of the time."""
    convert, trace_graphs = tflite.convert, tflite.trace_graphs
    serving_module = saved_model.ServingModule

    def once(kind, model, make):
        key = kind, b"".join(weight.tobytes() for weight in model.get_weights())
        if key not in conversions:
            conversions[key] = make()
        return conversions[key]

    def first_conversion(traced, model):
        return once("TFLite", model, lambda: convert(traced(), model))

    def first_module(translator, limits):
        make = partial(serving_module, translator, limits)
        return once("SavedModel", translator.single_model, make)

    monkeypatch.setattr(saved_model, "ServingModule", first_module)
    monkeypatch.setattr(tflite, "trace_graphs", lambda *given: partial(trace_graphs, *given))
    monkeypatch.setattr(tflite, "convert", first_conversion)


def test_the_smallest_file_that_passes_is_the_default(copied, run):
    exported = run("export", copied, "--tflite", "all", "--lines", 50)
    assert exported.code == 0
    names = ["my dates.tflite", *(f"my dates.{each}.tflite" for each in others(copied))]
    wrote = [f"Wrote {copied / name}" for name in ["1", *names, "my dates.variants.json"]]
    assert [line for line in exported.out.splitlines() if line.startswith("Wrote")] == wrote
    assert "50 held-out pairs, greedy; the Keras model: exact_match" in exported.out
    table = json.loads((copied / "my dates.variants.json").read_text())
    sizes = {each["precision"]: each["size"] for each in table["variants"]}
    passing = [each["precision"] for each in table["variants"] if each["loss"] <= 0.3]
    assert table["default"] == min(passing, key=sizes.get) != "float32"
    device = DeviceTranslator.load(copied / "my dates.tflite")
    assert device.manifest["precision"] == table["default"]
    verified = run("verify", copied, "--lines", 50)
    assert verified.code == 0 and f"rounded, {table['default']}" in verified.out


def others(folder):
    table = json.loads((folder / "my dates.variants.json").read_text())
    return [
        each["precision"] for each in table["variants"] if each["precision"] != table["default"]
    ]


def test_a_precision_that_loses_too_much_is_refused_and_not_written(copied, run, monkeypatch):
    files = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    monkeypatch.setattr(quality_gate, "MOST_LOST", -1000)
    refused = run("export", copied, "--tflite", "int8", "--lines", 20)
    assert refused.code == 2
    assert "every TFLite file loses more than" in refused.err
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == files


def test_an_export_without_the_quality_gate_removes_files_of_an_earlier_export(
    copied, run, tmp_path
):
    """It removes the table and the files of other precisions. Here it writes a web page too."""
    assert len(list(copied.glob("my dates*.tflite"))) > 1
    page, runtime = tmp_path / "page", write_runtime(tmp_path)
    exported = run("export", copied, "--version", 12, "--web", page, "--runtime", runtime)
    assert exported.code == 0 and not (copied / "my dates.variants.json").exists()
    assert [path.name for path in copied.glob("my dates*.tflite")] == ["my dates.tflite"]
    assert (page / "model.tflite").read_bytes() == (copied / "my dates.tflite").read_bytes()
    written = "".join(
        f"Wrote {path}\n" for path in (copied / "12", copied / "my dates.tflite", page)
    )
    needs = f"{copied / '12'} needs these operators:\n  TensorFlow, "
    assert exported.out.startswith(written + needs)


def test_the_demo_of_a_folder_converts_its_model(copied, tmp_path):
    runtime = write_runtime(tmp_path)
    with page_of(copied, PageOptions(["9/27/94"], runtime)) as page:
        assert "<h1>my dates</h1>" in (page / "index.html").read_text()
        found = DeviceTranslator.load(page / "model.tflite")
        assert found.manifest["recipe"]["name"] == "dates"
        exported = DeviceTranslator.load(copied / "my dates.tflite")
        assert found("march 27, 2016").text == exported("march 27, 2016").text
    assert not page.exists()
    with pytest.raises(InputError, match="must have at least one token"):
        page_of(copied, PageOptions([""], runtime)).__enter__()


def test_both_exports_agree_with_the_model(copied, run):
    verified = run("verify", copied, "--lines", 20)
    assert verified.code == 0
    rows = [line.strip("│").split("│") for line in verified.out.splitlines() if "agrees" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert [row[:3] for row in cells] == [
        ["12", "20", "100.00%"],
        ["my dates.tflite", "20", "100.00%"],
    ]
    assert all(float(row[3]) < 1e-4 for row in cells)
    typed = b"march 27, 2016\n\n9/27/94\n"
    assert run("verify", copied, "-", stdin=typed).code == 0


def test_an_unknown_precision_is_refused(copied, run):
    refused = run("export", copied, "--tflite", "int4")
    assert refused.code == 2
    assert "--tflite must be one of float32, float16, mixed, int8, best, all." in refused.err
