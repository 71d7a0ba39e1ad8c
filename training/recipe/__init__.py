"""Recipes: what can be set, what it may be, and how settings go together."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
