"""The public names; see `keras_attention.lazy_imports`."""

from .handlers import TranslationHandler as TranslationHandler
