"""Losses, metrics and learning-rate schedules for training."""
