"""Settings for all tests; the imports here must stay light."""

import ctypes
import gc
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from xla_flags import quick_compilation

# Matches the ids of the fixture `variant_name` in tests/integration/conftest.py.
VARIANT = re.compile(r"variant [a-z ]+")
# TensorFlow's graph optimizer takes most of the time of a graph's first call, so it is on in these
# groups only. They compare SavedModels with the model, train for hundreds of steps, or check that
# two processes compute the same bits.
OPTIMIZED = re.compile(
    "variant |tests/(system/test_dates|integration/test_(exported_(?!tflite)|subwords|resume|vali))"
)
# Freeing memory takes a few tenths of a second, so it is done only after this many bytes of growth.
GROWTH = 500 * 2**20

# With level 3, the command line would replace this process's standard error and hook TensorFlow.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# The command line sets this too. A run that is killed in a separate process and resumed in this one
# must compute the same bits.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
ON_JAX = os.environ.get("KERAS_BACKEND") == "jax"
for name, flags in quick_compilation("jaxlib" if ON_JAX else "tensorflow").items():
    os.environ.setdefault(name, flags)
# Hide JAX from this process and from those that tests start.
WITHOUT_JAX = str(Path(__file__).with_name("without_jax"))
if not ON_JAX and WITHOUT_JAX not in sys.path:
    sys.path.insert(0, WITHOUT_JAX)
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (WITHOUT_JAX, inherited)))


def pytest_configure(config):
    # A run in the background may ignore Ctrl-C, and the processes that tests start inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # On JAX, `__array__` of Keras 3.15's variables has no argument `copy`, which NumPy 2 expects.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


def group_of(nodeid):
    """Return the name of a test's group: its variant if it has one, otherwise its file.

    The tests of a group share expensive objects. They run in one worker, one after another.
    """
    variant = VARIANT.search(nodeid)
    return variant[0] if variant else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distribute whole groups to workers; pytest-xdist itself distributes whole files."""
    from xdist.scheduler import LoadFileScheduling

    class LoadGroups(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return LoadGroups(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Sort tests by group, and run the longest groups first.

    Otherwise one worker could run a long group at the end while the others are idle. The groups of
    variants come before those that use the fixture `trained`, because a worker that needs it while
    another one trains has to wait.
    """
    groups = {}
    for item in items:
        groups.setdefault(group_of(item.nodeid), []).append(item)
    first = [group for group in groups if group.startswith("tests/system/")]
    first += [group for group in groups if VARIANT.match(group)]
    order = [*first, *(group for group in groups if group not in first)]
    items[:] = [item for group in order for item in groups[group]]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect no garbage during imports, and let the collector ignore the imported objects later.

    TensorFlow alone has 400,000 permanent objects. Tracing a graph creates and drops many objects,
    so collect less often than by default.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


begun = None


@pytest.hookimpl(tryfirst=True)  # before the fixtures of a group are set up
def pytest_runtest_setup(item):
    """Set the seed once per group, so that its weights do not depend on the groups before it.

    The seed is not set for each test, because TensorFlow would then drop its cached kernels. The
    graph optimizer is switched on or off for the group, too.
    """
    global begun
    group = group_of(item.nodeid)
    if group != begun and "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(1)
        if "tensorflow" in sys.modules:
            optimize_graphs(OPTIMIZED.match(group) is not None)
            skip_stack_traces()
            skip_collections()
        begun = group


def optimize_graphs(wanted):
    options = {"disable_meta_optimizer": not wanted}
    sys.modules["tensorflow"].config.optimizer.set_experimental_options(options)


def skip_stack_traces():
    """Give all operations of graphs the same short stack trace, which TensorFlow shows in errors.

    Recording a trace for each operation takes a sixth of the time of tracing a graph, because
    pytest's stack is deep. XLA crashes on an empty trace, so keep the outermost frames.
    """
    with suppress(KeyError, AttributeError):
        module = sys.modules["tensorflow.python.util.tf_stack"]
        outermost = module.extract_stack(stacklevel=len(module.extract_stack()))
        module.extract_stack = lambda stacklevel=1: outermost


def skip_collections():
    """Turn off the garbage collection of TensorFlow's converter to TFLite.

    The teardown of each group of tests collects garbage instead. The processes of tests keep
    millions of objects, so each collection takes about a second.
    """
    if converter := sys.modules.get("tensorflow.lite.python.lite"):
        converter.gc = SimpleNamespace(collect=lambda: 0)


kept = 0


@pytest.hookimpl(trylast=True)  # after the fixtures of the group are torn down
def pytest_runtest_teardown(item, nextitem):
    """Free graphs and compiled programs after a group of tests. They would fill the memory."""
    global kept
    ended = nextitem is None or group_of(nextitem.nodeid) != group_of(item.nodeid)
    if ended and resident() - kept >= GROWTH:
        free_memory()
        kept = resident()


def resident():
    """Return the bytes of memory that this process uses; outside Linux, the most it ever used."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def free_memory():
    """Free graphs and compiled programs, and return the memory to the system."""
    # TensorFlow never frees the gradients made by `tf.custom_gradient`, nor their graphs.
    with suppress(KeyError, AttributeError):
        gradients = sys.modules["tensorflow.python.framework.ops"].gradient_registry._registry
        for name in [name for name in gradients if name.startswith("CustomGradient-")]:
            del gradients[name]
    if ON_JAX and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()  # frees compiled programs; their cache on disk remains
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
