"""Fast paths for TensorFlow and PyTorch; tests compare each with the portable code it replaces."""
