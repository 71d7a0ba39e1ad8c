"""The public names; see `keras_attention.lazy_imports`."""

from .device_translator import DeviceTranslator as DeviceTranslator
