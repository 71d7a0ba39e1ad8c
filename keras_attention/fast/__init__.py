"""TensorFlow-only fast paths behind portable code; each has a test of equality with that code."""
