"""The report of a model's errors: `analysis` computes it, and the other modules write its page."""
