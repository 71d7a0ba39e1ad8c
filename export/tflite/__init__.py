"""TFLite: conversion, weights of lower precision, and the quality gate that measures their cost."""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
