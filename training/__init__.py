"""Training: recipes, data, batches, callbacks and the loop around `model.fit`.

The folder stands at the top of the repository and is installed as `keras_attention.training`.
The names of the stub `__init__.pyi` are imported on first use: reading a recipe or a data file
loads neither TensorFlow nor Keras.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
