"""Recipes: the settings of a run, their ranges, and the rules that combine them."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
