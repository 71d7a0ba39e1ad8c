"""The command line skips unused imports, and the skipped modules can still be imported."""

import json
import subprocess
import sys
from pathlib import Path

DEVICE = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"
PROGRAM = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from keras_attention.lean_imports import import_lean
import_lean()
import_lean()
import keras
import tensorflow as tf
skipped = ["matplotlib", "IPython", "scipy", "jax", "tensorflow.lite.python.lite",
           "tensorflow.python.keras.models", "tensorflow.python.layers.base"]
found = {"loaded": [name for name in skipped if name in sys.modules],
         "hooks": len([finder for finder in sys.meta_path if "Lean" in type(finder).__name__])}
sys.modules["jax"] = None
cell = tf.nn.RNNCellResidualWrapper(keras.layers.LSTMCell(2))  # a placeholder until it is called
import tensorflow.python.keras.utils.tf_utils
from tensorflow.python.keras.layers import Dense
found["used"] = [
    type(cell).__name__, Dense.__name__, tf.compat.v1.Session.__name__,
    tf.compat.v2.Variable.__name__, tf.lite.TFLiteConverter.__name__,
    tf.feature_column.numeric_column("a").key, hasattr(tf.lite, "missing"),
    tf.nn.RNNCellResidualWrapper.__name__,
]
import matplotlib
print(json.dumps(found))
"""


def test_a_skipped_module_is_imported_when_it_is_used():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["loaded"] == [] and found["hooks"] == 1
    assert found["used"] == [
        *("ResidualWrapper", "Dense", "Session", "Variable", "TFLiteConverterV2", "a", False),
        "<lambda>",
    ]


WITHOUT_KERAS = """
import sys
from keras_attention.cli import main
try:
    main()
except SystemExit as end:
    print(end.code, [name for name in ("keras", "tensorflow") if name in sys.modules])
"""


def test_a_tflite_file_translates_without_keras():
    command = [sys.executable, "-c", WITHOUT_KERAS, "translate", DEVICE]
    done = subprocess.run(command, capture_output=True, check=True, input=b"9/27/94")
    assert done.stdout.split(b"\n")[:2] == [b"1994-09-27", b"0 []"]
