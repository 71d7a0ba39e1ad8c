"""Keras callbacks that validate, keep the best model, stop, average, report and checkpoint."""
