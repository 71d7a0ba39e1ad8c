"""The base classes of the attention mechanisms, and the rules they share with recipes."""
