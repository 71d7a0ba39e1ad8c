"""Settings that every test runs under; the imports here must stay light."""

import ctypes
import gc
import os
import re
import sys
import time
from contextlib import suppress
from importlib.metadata import version

import pytest

# Matches the ids of the fixture `variant_name`, see tests/integration/conftest.py.
VARIANT = re.compile(r"variant [a-z ]+")
# Freeing memory takes a few tenths of a second, and small groups leave little to free.
SECONDS_BETWEEN = 5

# Below 3, at which the command line would change this process's standard error and imports.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# As the command line does: a run killed there and resumed here must compute the same bits.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# The tests compile many small programs that run once or twice: optimising them is most of the time.
# XLA stops at a flag that it does not know, hence only the versions these were tried with.
XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if os.environ.get("KERAS_BACKEND") != "jax":
    if version("tensorflow").startswith("2.21."):
        os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
elif version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", f"{XLA_FLAGS} --xla_cpu_use_fusion_emitters=false")


def pytest_configure(config):
    # Keras 3.15 on JAX: a variable's `__array__` does not know the `copy` of NumPy 2.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


def group_of(nodeid):
    """Return the name of a test's group: that of its variant, else that of its file.

    The tests of a group share expensive objects. They run in one worker, one after another.
    """
    variant = VARIANT.search(nodeid)
    return variant[0] if variant else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distribute whole groups, where pytest-xdist would distribute whole files."""
    from xdist.scheduler import LoadFileScheduling

    class LoadGroups(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return LoadGroups(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Bring each group together. Begin with the longest tests, so that no worker ends with one."""
    groups = {}
    for item in items:
        groups.setdefault(group_of(item.nodeid), []).append(item)
    first = [group for group in groups if group.startswith("tests/system/")]
    order = [*first, *(group for group in groups if group not in first)]
    items[:] = [item for group in order for item in groups[group]]


def pytest_collection_finish():
    """Tell the garbage collector to pass over what is imported now, and to run less often.

    Tracing a graph makes and drops many objects, and TensorFlow alone has 400,000 that stay.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


seeded = None


@pytest.hookimpl(tryfirst=True)  # before the fixtures of a group are set up
def pytest_runtest_setup(item):
    """Draw the same weights in a group whichever groups ran before.

    Not in each test: TensorFlow drops its cached kernels when it is given a seed.
    """
    global seeded
    group = group_of(item.nodeid)
    if group != seeded and "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(1)
        seeded = group


freed = time.monotonic()


@pytest.hookimpl(trylast=True)  # after the fixtures of the group are torn down
def pytest_runtest_teardown(item, nextitem):
    """At the end of a group, free what its graphs hold, which would add up to gigabytes."""
    global freed
    ended = nextitem is None or group_of(nextitem.nodeid) != group_of(item.nodeid)
    if ended and time.monotonic() - freed > SECONDS_BETWEEN:
        free_memory()
        freed = time.monotonic()


def free_memory():
    """Free graphs, and return the memory to the system."""
    # TensorFlow keeps every gradient made by `tf.custom_gradient`, and its graph, for ever.
    with suppress(KeyError, AttributeError):
        gradients = sys.modules["tensorflow.python.framework.ops"].gradient_registry._registry
        for name in [name for name in gradients if name.startswith("CustomGradient-")]:
            del gradients[name]
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
