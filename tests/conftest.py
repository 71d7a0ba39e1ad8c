"""Settings that every test runs under; the imports here must stay light."""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from importlib.metadata import version

# Below 3, at which the command line would point this process's standard error elsewhere.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# As the command line does: a run killed there and resumed here must compute the same bits.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if os.environ.get("KERAS_BACKEND") == "jax" and version("jaxlib").startswith("0.10."):
    # The tests compile many tiny programs that run once: optimising them is most of the time.
    # XLA stops at a flag that it does not know, hence only the version these were tried with.
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
        "--xla_cpu_use_fusion_emitters=false",
    )


def pytest_configure(config):
    # Keras 3.15 on JAX: a variable's `__array__` does not know the `copy` of NumPy 2.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


def pytest_runtest_teardown(item, nextitem):
    """Behind a file's last test, gives back what its graphs hold: it adds up to gigabytes."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        if sys.platform == "linux":
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
