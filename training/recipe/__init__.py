"""Recipes: what can be set, what it may be, and how settings go together."""
