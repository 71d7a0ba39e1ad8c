"""Comparisons: many runs, each in a separate process, and their table and plots."""
