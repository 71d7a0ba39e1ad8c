"""The flags with which XLA compiles the programs of tests."""

from importlib.metadata import version

# The tests compile many small programs that run once or twice; optimising them would take most of
# the time.
FLAGS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false"
)
# XLA fails on an unknown flag, so set these only for the versions they were tried with.
TRIED = {"tensorflow": "2.21.", "jaxlib": "0.10."}


def quick_compilation(package):
    """Return the environment variable with the flags for the XLA in a package."""
    return {"XLA_FLAGS": FLAGS} if version(package).startswith(TRIED[package]) else {}
