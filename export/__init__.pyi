"""The public names; see `keras_attention.lazy_imports`."""

from .device.device_translator import DeviceTranslator as DeviceTranslator
from .onnx import export_onnx as export_onnx
from .saved_model.saved_model import export_saved_model as export_saved_model
from .saved_model.saved_model_translator import SavedModelTranslator as SavedModelTranslator
from .tflite.conversion import export_tflite as export_tflite
from .tflite.device_terms import translate_with_terms as translate_with_terms
from .web.web_page import export_web as export_web
