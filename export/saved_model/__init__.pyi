"""The public names; see `keras_attention.lazy_imports`."""

from .saved_model import export_saved_model as export_saved_model
from .saved_model_translator import SavedModelTranslator as SavedModelTranslator
