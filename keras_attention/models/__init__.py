"""The models that `fit` trains, and their settings."""
