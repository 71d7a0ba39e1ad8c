"""Export: SavedModel, TFLite, ONNX, the device's runtime, and the check that they all agree.

The steps from a trained model to verified exports, each with the function that performs it:

    Translator       passed to `export_saved_model`, `export_tflite` or `export_onnx`
    -> portable      `portable_copy`: the same weights in layers that run on every machine
    -> functions     `graphs.model_functions` and `graphs.searches`: `encode`, `step`, `search_best`
    -> graphs        traced by `ServingModule` (strings) or `trace_graphs` (ids, for a device)
    -> TFLite only   `Converted`: `lower` stores weights in fewer bits, `compact` removes duplicates
    -> files         the model, its tokenizers, and a manifest with the values of `describe`
    -> loaded        `SavedModelTranslator.load`, `DeviceTranslator.load`
    -> verified      `verify` compares each export with the Keras model on the same text

This folder is at the top of the repository and is installed as `keras_attention.export`.
The names in the stub `__init__.pyi` are imported on first use, so that the device's runtime loads
neither TensorFlow nor Keras.
"""

from keras_attention.lazy_imports import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
