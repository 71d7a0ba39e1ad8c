"""Training: recipes, data, batches, callbacks and the training run around `model.fit`.

This folder is at the top of the repository and is installed as `keras_attention.training`.
The names in the stub `__init__.pyi` are imported on first use, so reading a recipe or a data file
loads neither TensorFlow nor Keras.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
