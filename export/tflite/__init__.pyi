"""The public names; see `keras_attention.lazy_imports`."""

from .conversion import export_tflite as export_tflite
