"""The Kotlin code in `examples/android` returns the same translations as the Python code.

It runs on a JVM, with a stand-in for LiteRT's `Interpreter`. The PyPI package
kotlin-jupyter-kernel contains the compiler.
"""

import importlib.util
import json
import os
import re
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
EXAMPLE = HERE.parents[1] / "examples" / "android"
KERNEL = importlib.util.find_spec("run_kotlin_kernel")
JARS = sorted(Path(KERNEL.origin).with_name("jars").glob("*.jar")) if KERNEL else []
LIBRARIES = [jar for jar in JARS if re.match(r"kotlin-stdlib|kotlinx-serialization", jar.name)]
COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
needs_kotlin = pytest.mark.skipif(
    not JARS or shutil.which("java") is None, reason="needs java and kotlin-jupyter-kernel"
)


def java(*arguments, jars):
    """Run a Java program with UTF-8 texts and return its output."""
    options = ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]
    command = ["java", *options, "-cp", os.pathsep.join(map(str, jars)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compiled(build):
    """Compile the example, the stand-in and the program that runs them."""

    def fill(folder):
        sources = [*EXAMPLE.glob("*.kt"), *(HERE / "android").glob("*.kt")]
        libraries = os.pathsep.join(map(str, LIBRARIES))
        options = ["-no-stdlib", "-no-reflect", "-Werror", "-classpath", libraries, "-d", folder]
        java(COMPILER, *options, *sources, jars=JARS)

    return build("android", fill)


def test_the_tokenizer_has_the_same_ranges_of_code_points():
    assert f'"""{_RANGES}"""' in (EXAMPLE / "Tokenizer.kt").read_text(encoding="utf-8")


@needs_kotlin
def test_translations_equal_those_in_python(compiled, tmp_path):
    given = write_request(tmp_path, write_models(tmp_path), TEXTS)
    printed = java("kerasattention.MainKt", given, jars=[compiled, *LIBRARIES])
    check_answers(json.loads(printed), TEXTS)


@needs_kotlin
def test_a_file_with_an_unknown_setting_is_refused(compiled, tmp_path):
    given = write_request(tmp_path, write_changed_models(tmp_path), ["a"])
    check_refusals(json.loads(java("kerasattention.MainKt", given, jars=[compiled, *LIBRARIES])))
