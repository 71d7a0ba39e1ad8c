"""Larger parts of single commands: tables, reports, progress bars and readers."""
