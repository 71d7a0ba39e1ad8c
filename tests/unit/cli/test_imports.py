import json
import subprocess
import sys

PROGRAM = """
import json, sys
from keras_attention.cli.imports import lean_imports
with lean_imports():
    import keras
found = ["matplotlib" in sys.modules]
import matplotlib.pyplot
with lean_imports():  # keras is already imported, so nothing is hidden
    found.append("matplotlib.pyplot" in sys.modules)
print(json.dumps(found))
"""


def test_keras_is_imported_without_matplotlib():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert json.loads(done.stdout) == [False, True]
