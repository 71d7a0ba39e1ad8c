"""The models that `fit` trains."""
