"""The attention mechanisms, one per file; `registry` lists them, `base` has the base classes."""
