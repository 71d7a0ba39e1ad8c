"""What attention mechanisms share: keys, weights and the context vector."""
