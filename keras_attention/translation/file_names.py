"""Names of the files in a model's folder, for modules that do not load Keras."""

MODEL_FILE = "model.keras"
SETTINGS_FILE = "translator.json"
SHORT_LIST_FILE = "short_list.npz"
CONFIDENCE_FILE = "confidence.json"
LIMIT_FILE = "outputs.json"
GRAPH_FILE = "saved_model.pb"
"""The file that marks the folder of a SavedModel."""
