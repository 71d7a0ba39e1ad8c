"""Alignments as text, as pictures and as an HTML page."""
