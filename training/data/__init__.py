"""Pairs of texts from files of many forms, and the public data sets."""
