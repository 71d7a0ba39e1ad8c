"""Training: recipes, data, batches, callbacks and the loop around `model.fit`.

The folder stands at the top of the repository and is installed as `keras_attention.training`.
Nothing is imported here: reading a recipe or a data file loads neither TensorFlow nor Keras.
"""
