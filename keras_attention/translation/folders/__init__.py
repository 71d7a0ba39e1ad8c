"""Folders of translators and ensembles, presets on hubs, and errors about a path without a model."""
