"""Attention sequence-to-sequence models for Keras, from `model.fit` to a server and a phone.

Public names are imported on first use, so `import keras_attention` itself loads neither Keras nor
TensorFlow: the device runtime and `keras-attention --help` start without them. The stub
`__init__.pyi` declares the names.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
