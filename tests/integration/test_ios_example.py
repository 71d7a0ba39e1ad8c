"""The Swift code in `examples/ios` returns the same translations as the Python code.

It runs on Linux, with a stand-in for TensorFlow Lite's `Interpreter`.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from phone_example import (
    TEXTS,
    check_answers,
    check_refusals,
    write_changed_models,
    write_models,
    write_request,
)

from keras_attention.text.unicode_version import _RANGES

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "ios"
# Swift's strings cannot contain lone surrogates.
VALID = [text for text in TEXTS if text.encode("utf-8", "ignore").decode() == text]
needs_swift = pytest.mark.skipif(
    shutil.which("swiftc") is None, reason="needs swiftc, the compiler of Swift"
)


def run(*command):
    """Run a program and return its output."""
    done = subprocess.run([*map(str, command)], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def program(build):
    """Compile the stand-in as the module TensorFlowLite, and the example with a main program."""

    def fill(folder):
        module, stand_in = folder / "TensorFlowLite.swiftmodule", folder / "TensorFlowLite.o"
        about = ["-module-name", "TensorFlowLite", "-parse-as-library"]
        compiled = ["-emit-module", "-emit-module-path", module, "-c", "-o", stand_in]
        run("swiftc", *about, *compiled, HERE / "ios" / "Interpreter.swift")
        sources = [*EXAMPLE.glob("*.swift"), HERE / "ios" / "main.swift"]
        run("swiftc", "-warnings-as-errors", "-I", folder, *sources, stand_in, "-o", folder / "run")

    return build("ios", fill) / "run"


def test_the_tokenizer_has_the_same_ranges_of_code_points():
    assert f'"""{_RANGES}"""' in (EXAMPLE / "Tokenizer.swift").read_text(encoding="utf-8")


@needs_swift
def test_translations_equal_those_in_python(program, tmp_path):
    given = write_request(tmp_path, write_models(tmp_path), VALID)
    check_answers(json.loads(run(program, given)), VALID)


@needs_swift
def test_a_file_with_an_unknown_setting_is_refused(program, tmp_path):
    given = write_request(tmp_path, write_changed_models(tmp_path), ["a"])
    check_refusals(json.loads(run(program, given)))


@needs_swift
def test_a_file_without_a_complete_archive_is_refused(program, tmp_path):
    content = write_models(tmp_path)[0].read_bytes()
    broken = [content[:-1], content[:4], b"", content[:40] + content[60:]]
    paths = [tmp_path / f"broken-{number}" for number in range(len(broken))]
    for path, part in zip(paths, broken, strict=True):
        path.write_bytes(part)
    found = json.loads(run(program, write_request(tmp_path, paths, ["a"])))
    assert len(found) == len(broken) and {*map(str, found)} == {
        "expected a TFLite file that keras-attention exported, with a zip archive at its end."
    }
