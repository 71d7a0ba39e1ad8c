"""Tokenizers and normal forms as TensorFlow operations, for exports with strings as inputs."""
