"""Export: SavedModel, TFLite, the device's runtime and the check that all of them agree.

The folder stands at the top of the repository and is installed as `keras_attention.export`.
The names of the stub `__init__.pyi` are imported on first use: the device's runtime loads neither
TensorFlow nor Keras.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
