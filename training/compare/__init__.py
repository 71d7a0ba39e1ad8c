"""Comparisons: many runs in processes of their own, and the table and pictures of them."""
