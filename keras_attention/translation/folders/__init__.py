"""Folders of translators and of ensembles, presets on hubs, and errors about wrong paths."""
