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
Nothing is imported here: the device's runtime loads neither TensorFlow nor Keras.
"""
