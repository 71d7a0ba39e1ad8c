"""The device's runtime: it needs `ai-edge-litert` and `numpy` alone."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
