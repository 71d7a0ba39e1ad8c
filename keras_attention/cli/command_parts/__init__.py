"""The parts of single commands that fill a file: tables, reports, progress, readers."""
