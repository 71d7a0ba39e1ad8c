"""Automata over target ids, which limit the outputs of a search."""
