"""Messages that runtimes print when they start are hidden; later messages are shown."""

import os
import signal
import subprocess
import sys

import pytest

START = """
import os, sys
from keras_attention.native_messages import hide_start_messages
hide_start_messages(os.environ)
"""
STUB = """
import os, sys
os.write(2, b"native start\\n")
print("warning: of Python", file=sys.stderr)
class Interpreter:
    def __init__(self, model_content, num_threads): pass
    def allocate_tensors(self): os.write(2, b"native first use\\n")
"""


def run(program, **environment):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(
        [sys.executable, "-c", START + program], capture_output=True, env=environment, check=False
    )
    return done.returncode, done.stderr.decode()


@pytest.fixture
def stubs(tmp_path):
    """Return a path with modules that print like TensorFlow and the TFLite runtime."""
    for name in ("tensorflow.py", "ai_edge_litert/interpreter.py", "ai_edge_litert/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if "__init__" in name else STUB)
    return os.pathsep.join([str(tmp_path), *filter(None, sys.path)])


@pytest.mark.parametrize("module", ["tensorflow", "ai_edge_litert.interpreter"])
def test_only_messages_at_the_start_are_hidden(stubs, module):
    program = f"import {module}; os.write(2, b'native later\\n')"
    expected = "warning: of Python\nnative later\n"
    assert run(program, PYTHONPATH=stubs) == (0, expected)
    later = expected.splitlines()[1]
    code, shown = run(program, PYTHONPATH=stubs, TF_CPP_MIN_LOG_LEVEL="0")
    assert shown.startswith("native start\n") and shown.endswith(f"{later}\n")


@pytest.mark.parametrize(("level", "lines"), [("0", 1), ("1", 0), ("2", 0), ("3", 0)])
def test_information_is_hidden_from_level_1_on(level, lines):
    program = """
import base64, zlib
from ai_edge_litert.interpreter import Interpreter
from keras_attention.native_messages import _SMALLEST_MODEL
for _ in range(2):
    model = zlib.decompress(base64.b85decode(_SMALLEST_MODEL))
    Interpreter(model_content=model).allocate_tensors()
os.write(2, b"started\\n")
"""
    code, shown = run(program, TF_CPP_MIN_LOG_LEVEL=level)
    assert (code, shown.count("INFO: "), shown[-8:]) == (0, lines, "started\n")


def test_messages_at_an_import_are_shown_unless_all_are_hidden(stubs):
    program = "import ai_edge_litert.interpreter; os.write(2, b'native later\\n')"
    shown = run(program, PYTHONPATH=stubs, TF_CPP_MIN_LOG_LEVEL="2")[1]
    assert shown == "native start\nwarning: of Python\nnative later\n"


def test_an_import_that_fails_restores_the_descriptor(stubs, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('of a wheel for another processor')")
    program = "try: import tensorflow\nexcept ImportError: os.write(2, b'native later\\n')"
    assert run(program, PYTHONPATH=stubs) == (0, "native later\n")


@pytest.mark.skipif(os.name == "nt", reason="needs Unix signals")
def test_a_native_abort_is_reported(stubs):
    program = """
import tensorflow
os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\\n")
os.abort()
"""
    code, shown = run(program, PYTHONPATH=stubs)
    assert code == -signal.SIGABRT
    assert "std::bad_alloc" in shown
    assert "Fatal Python error: Aborted" in shown and 'File "<string>"' in shown


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs TensorFlow's C library under its name on Linux"
)
def test_tensorflow_and_tflite_start_without_native_output_and_report_fatal_errors():
    program = """
import base64, ctypes, pathlib, zlib
import tensorflow
from ai_edge_litert.interpreter import Interpreter
from keras_attention.native_messages import _SMALLEST_MODEL
twice = tensorflow.function(lambda x: 2 * x, jit_compile=True)
assert twice(tensorflow.ones(2)).numpy().tolist() == [2, 2]
interpreter = Interpreter(model_content=zlib.decompress(base64.b85decode(_SMALLEST_MODEL)))
interpreter.allocate_tensors()
interpreter.invoke()
os.write(2, b"started\\n")
(library,) = pathlib.Path(tensorflow.__file__).parent.glob("libtensorflow_cc.so*")
ctypes.CDLL(str(library)).TF_AllocateTensor(1, (ctypes.c_int64 * 1)(-5), 1, ctypes.c_size_t(4))
"""
    code, shown = run(program)
    assert code == -signal.SIGABRT
    assert shown.startswith("started\nF0000 ")
    assert "Expected shape dimensions to be non-negative, got -5" in shown
