"""The tokenizers and normal forms as TensorFlow operations, for exports that take strings."""
