"""Quality of a trained translator on held-out pairs, by source length and at chosen lengths."""
