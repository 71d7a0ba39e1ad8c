"""Folders of models: ensembles, published presets, and errors about a path without a model."""
