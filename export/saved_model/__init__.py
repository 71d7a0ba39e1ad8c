"""SavedModels, which read strings, and return text, score, tokens and alignment."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
