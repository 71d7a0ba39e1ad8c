"""Keras callbacks: validate, keep the best, stop, average, show progress, write checkpoints."""
