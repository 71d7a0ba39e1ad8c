"""Hide JAX from TensorFlow, which imports it if it is installed: 0.7 s in every process."""

raise ImportError("tests/conftest.py hides JAX, which the tests on TensorFlow do not use")
