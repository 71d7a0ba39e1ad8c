"""Export: SavedModel, TFLite, the device's runtime and the check that all of them agree.

The walk of a trained model, with the function that takes each step:

    Translator       given to `export_saved_model`, `export_tflite` or `export_onnx`
    -> portable      `portable_copy`: the same weights in layers that every machine runs
    -> functions     `graphs.steps` and `graphs.searches`: `encode`, `step`, `search_best`, ...
    -> graphs        traced by `ServingModule` (strings) or `trace_graphs` (ids of a device)
    -> TFLite alone  `Converted`: `lower` stores weights in fewer bits, `compact` drops repetition
    -> files         the model beside what `manifest.describe` says of it and the tokenizers
    -> read again    `SavedModelTranslator.load`, `DeviceTranslator.load`
    -> verify        `verify` compares each export with the Keras model on the same text

The folder stands at the top of the repository and is installed as `keras_attention.export`.
The names of the stub `__init__.pyi` are imported on first use: the device's runtime loads neither
TensorFlow nor Keras.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
