"""Alignments as text, as pictures and as a page for a browser."""
