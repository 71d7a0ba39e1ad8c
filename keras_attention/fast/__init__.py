"""Fast paths for TensorFlow; tests compare each of them with the portable code it replaces."""
