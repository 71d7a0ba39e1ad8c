"""The device's runtime, which requires only `ai-edge-litert` and `numpy`."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
