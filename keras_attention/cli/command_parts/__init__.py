"""Larger parts of the other commands: tables, reports, progress bars and readers."""
