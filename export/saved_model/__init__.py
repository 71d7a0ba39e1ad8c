"""SavedModel: strings in; text, score, tokens and alignment out, for TensorFlow Serving."""
