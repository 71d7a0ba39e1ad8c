"""The commands that write the web page of a model and serve it."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support import write_runtime

DATES = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Make a working folder with a stand-in for the runtime, a TFLite file and a page."""
    write_runtime(tmp_path)
    (tmp_path / "dates.tflite").symlink_to(DATES)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_tflite_file_is_exported_as_a_page(here, run):
    exported = run("export", "dates.tflite", "--web", "page", "--example", "9/27/94")
    assert (exported.code, exported.out, exported.err) == (0, "Wrote page\n", "")
    described = json.loads((here / "page" / "page.json").read_text())
    assert (described["title"], described["examples"]) == ("dates", ["9/27/94"])
    assert (here / "page" / "model.tflite").read_bytes() == DATES.read_bytes()


def test_the_runtime_is_fetched_with_npm(here, run, monkeypatch):
    npm = here / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\nexec /bin/cp -r "{here}/node_modules" "$3"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    fetched = run("export", "dates.tflite", "--web", "page", "--fetch-runtime")
    assert (fetched.code, fetched.err) == (0, "")
    assert (here / "page" / "litert" / "core" / "dist" / "index.js").is_file()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("export dates.tflite", "as a web page, with --web DIR. Received: no --web."),
        ("export dates.tflite --web page --onnx", "with --web DIR. Received: --onnx."),
        ("export date.tflite --web page", "no such file; expected a trained model; the nearest is"),
        ("export none --web page --runtime full", "none: no such folder; expected a trained"),
        ("export dates.tflite --web full", "full: expected a new or empty folder"),
        ("export dates.tflite --web page --runtime full", "full: expected LiteRT.js, the runtime"),
        ("export dates.tflite --web page --example", "requires an argument"),
        ("export dates.tflite --fetch-runtime", "--fetch-runtime requires --web DIR."),
        ("demo dates.tflite --runtime . --fetch-runtime", "exclude each other."),
        ("demo none", "none: no such folder; expected a trained model."),
        ("demo full", "expected a model that keras-attention trained"),
        ("demo dates.tflite --example ''", "an example must have at least one token"),
        ("demo dates.tflite --port 70000", "'--port'"),
        ("demo dates.tflite --port http", "'--port'"),
    ],
)
def test_invalid_input_is_reported_in_one_sentence(here, run, command, message):
    refused = run(*[part.strip("'") for part in command.split()])
    assert refused.code == 2
    assert refused.err.startswith("error: ") and refused.err.count("\n") == 1
    assert message in refused.err
    assert not (here / "page").exists()


def test_demo_refuses_a_port_that_is_in_use(here, run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = run("demo", "dates.tflite", "--port", port)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: --port: 127.0.0.1:{port} cannot be used; choose another")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("model", ["dates.tflite", "page"])
def test_demo_serves_the_page_until_it_is_stopped(here, run, model):
    if model == "page":
        run("export", "dates.tflite", "--web", "page")
    temporary = here / "temporary"
    temporary.mkdir()
    program = "from keras_attention.cli import main; main()"
    command = [sys.executable, "-c", program, "demo", model, "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "", "TMPDIR": str(temporary)},
        encoding="utf-8",
    ) as process:
        try:
            line = process.stdout.readline()
            address = line.split()[0]
            assert line == f"{address} shows {model}. Press Ctrl-C to stop.\n"
            with urllib.request.urlopen(f"{address}model.tflite") as answer:
                assert answer.read() == DATES.read_bytes()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60) == ("", "")
            assert process.returncode == 130
        finally:
            process.kill()
    assert not list(temporary.iterdir())
