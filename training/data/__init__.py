"""Readers of pairs and word vectors in many file formats, and the public data sets."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
