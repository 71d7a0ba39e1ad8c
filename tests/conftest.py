"""Settings that every test runs under; the imports here must stay light."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The tests compile many tiny programs that run once: without this, JAX spends its time optimising.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


def pytest_configure(config):
    # Keras 3.15 on JAX: a variable's `__array__` does not know the `copy` of NumPy 2.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )
