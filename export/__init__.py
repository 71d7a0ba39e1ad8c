"""Export: SavedModel, TFLite, the device's runtime and the check that all of them agree.

The folder stands at the top of the repository and is installed as `keras_attention.export`.
Nothing is imported here: the device's runtime loads neither TensorFlow nor Keras.
"""
