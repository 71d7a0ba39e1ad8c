"""A client of TensorFlow Serving, with the methods of a `Translator`."""

from keras_attention.serving.client import ServingClient as ServingClient
from keras_attention.serving.failures import ServingError as ServingError
