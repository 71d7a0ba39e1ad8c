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

import numpy as np
import pytest
from hard_texts import NORMALIZERS, make_texts

from keras_attention import CharacterTokenizer, SourceFeatures, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import TextError
from keras_attention.export.device.device_file import write_device_file
from keras_attention.text.unicode_version import _RANGES
from keras_attention.translation.codec import TextCodec

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "android"
KERNEL = importlib.util.find_spec("run_kotlin_kernel")
JARS = sorted(Path(KERNEL.origin).with_name("jars").glob("*.jar")) if KERNEL else []
LIBRARIES = [jar for jar in JARS if re.match(r"kotlin-stdlib|kotlinx-serialization", jar.name)]
COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
MAX_SOURCE_LENGTH, MAX_LENGTH = 12, 9
FEATURE_ERROR = r"expected the source feature \w+"
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


def make_codecs():
    letters, words = Vocabulary("ab é한\u1112"), Vocabulary(["a", "b", "한", "é", "c", "d"])
    settings = SearchSettings(MAX_SOURCE_LENGTH, MAX_LENGTH)
    copying = SearchSettings(MAX_SOURCE_LENGTH, MAX_LENGTH, replace_unknown=True)
    features = SourceFeatures({"to": ["de", "fr"], "of": ["x"]})
    for normalizer in NORMALIZERS:
        yield TextCodec(
            CharacterTokenizer(letters, **normalizer), WordTokenizer(words, **normalizer), settings
        )
    same = WordTokenizer(words)
    yield TextCodec(same, same, copying)
    yield TextCodec(
        CharacterTokenizer(letters, features=features), CharacterTokenizer(letters), settings
    )


def expected(codec, text, any_length):
    """Return what the program should print, given the outputs of the stand-in."""
    try:
        ids = codec.source.encode(text)
    except TextError as error:
        return re.search(FEATURE_ERROR, str(error))[0]
    limit = 1024 if any_length else MAX_SOURCE_LENGTH
    if len(ids) > limit:
        return f"expected at most {limit} tokens including </s>. Received: {len(ids)}."
    padded = [*ids, *[0] * MAX_SOURCE_LENGTH][:MAX_LENGTH]
    alignment = np.eye(MAX_LENGTH, max(MAX_LENGTH, len(ids)))
    (found,) = codec.translations([text], [[padded]], [[-sum(ids)]], [[alignment]])
    tokens = [units(token) for token in found.tokens]
    return [units(found.text), found.score, tokens, found.alignment.tolist()]


def printed(answer):
    """Return an answer of the program; of an error about a feature, only the beginning."""
    feature = isinstance(answer, str) and re.search(FEATURE_ERROR, answer)
    return feature[0] if feature else answer


def units(text):
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2").tolist()


def test_the_tokenizer_has_the_same_ranges_of_code_points():
    assert f'"""{_RANGES}"""' in (EXAMPLE / "Tokenizer.kt").read_text(encoding="utf-8")


@needs_kotlin
def test_translations_equal_those_in_python(compiled, tmp_path):
    tagged = ["<to=fr><of=x> ab", "<of=x><to=de>  a<to=fr>", "<to=de><of=x>a\nb", "<to=de> a"]
    texts, codecs = [*make_texts()[::4], *tagged, "ab" * 60, "a b " * 600], list(make_codecs())
    files = [tmp_path / f"{number}.tflite" for number in range(len(codecs))]
    for number, (file, codec) in enumerate(zip(files, codecs, strict=True)):
        # Files of version 0.1 accept only sources of `max_source_length`.
        about = {"any_length": True} if number % 2 else {}
        write_device_file(file, b"a flat buffer", codec, about)
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"models": list(map(str, files)), "texts": texts}))
    found = json.loads(java("kerasattention.MainKt", given, jars=[compiled, *LIBRARIES]))
    for number, (codec, answers) in enumerate(zip(codecs, found, strict=True)):
        for text, answer in zip(texts, answers, strict=True):
            assert printed(answer) == expected(codec, text, number % 2), repr(text)
    assert len(texts) > 800
