import json
import subprocess
import sys

PROGRAM = """
import json, sys
from keras_attention.cli.translate_parts.server_translator import open_server
from keras_attention.serving import ServingClient
ServingClient("http://localhost:8501", "dates").close()
heavy = "tensorflow", "keras", "grpc", "jax", "matplotlib"
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def test_a_rest_client_imports_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_without_the_extra_the_error_says_what_to_install():
    program = """
import sys
sys.modules["grpc"] = None  # makes `import grpc` fail
from keras_attention.serving import ServingClient
try:
    ServingClient("localhost:8500", "dates")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert b"pip install 'keras-attention-seq2seq[serving]'" in done.stdout
