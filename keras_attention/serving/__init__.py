"""A client of TensorFlow Serving, with the translator's own calls."""

from keras_attention.serving.client import ServingClient as ServingClient
from keras_attention.serving.failures import ServingError as ServingError
