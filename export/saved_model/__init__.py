"""SavedModel: from strings to text, score, tokens and alignment, also for TensorFlow Serving."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
