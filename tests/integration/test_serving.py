"""The SavedModel in a C program with TensorFlow's libraries, as TensorFlow Serving loads it."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import test_subwords as subwords
from tensorflow.core.protobuf import saved_model_pb2
from variants import TEXTS, few_variants

LIBRARIES = Path(tf.__file__).parent

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs the C compiler gcc")


@pytest.fixture(scope="session")
def program(build):
    return build("C program", compile_program) / "serve"


def compile_program(folder):
    command = ["gcc", "-O1", "-o", folder / "serve", Path(__file__).with_name("serve.c")]
    command += [f"-I{LIBRARIES}/include", f"-L{LIBRARIES}", "-Wl,--no-as-needed"]
    command += [f"-Wl,-rpath,{LIBRARIES}"]
    command += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr


def serve(program, folder, texts, *libraries):
    """Run the program, and return scores and texts."""
    graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    signature = graph.meta_graphs[0].signature_def["serving_default"]
    names = [signature.inputs["text"], signature.outputs["text"], signature.outputs["score"]]
    done = subprocess.run(
        [program, folder, *(tensor.name for tensor in names), *libraries],
        input="".join(f"{text}\n" for text in texts).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t", 1) for line in done.stdout.decode().removesuffix("\n").split("\n")]


def assert_served(program, folder, translator, texts, *libraries):
    lines = serve(program, folder, texts, *libraries)
    expected = translator(texts)
    assert [text for _, text in lines] == [translation.text for translation in expected]
    np.testing.assert_allclose(
        [float(score) for score, _ in lines], [t.score for t in expected], atol=1e-4
    )


def test_a_trained_model_runs_from_c(program, trained, translator):
    assert_served(program, trained / "1", translator, ["march 27, 2016", "", "9/27/94"] * 5)


def libraries_of(translator):
    """Return the libraries of subword operators: unigram needs one and BPE needs another."""
    if translator.codec.source.name != "subword":
        return []
    fast = "_fast" if translator.codec.source.model_type == "unigram" else ""
    text = importlib.util.find_spec("tensorflow_text")
    folder = Path(text.submodule_search_locations[0]) / "python" / "ops"
    return [folder / f"{fast}_sentencepiece_tokenizer.so"]


@few_variants
def test_models_of_several_kinds_run_from_c(program, variant, saved_model):
    assert_served(program, saved_model, variant, TEXTS, *libraries_of(variant))


def test_subwords_run_with_one_more_library(program, build):
    """This model uses BPE; the variants above include unigram."""
    translator = subwords.make_translator(subwords.make_pairs(), **subwords.VARIANTS["joint bpe"])
    texts = [*TEXTS, "The 漢字 cat", "the dog ran"]
    folder = subwords.exported("joint bpe", build)
    assert_served(program, folder / "1", translator, texts, *libraries_of(translator))
