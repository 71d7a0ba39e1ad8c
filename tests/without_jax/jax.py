"""Hide JAX from TensorFlow, which would import it; this saves 0.7 s in every process."""

raise ImportError("tests/conftest.py hides JAX, which the tests on TensorFlow do not use")
