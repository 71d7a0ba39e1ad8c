"""Search: loops over the model's own step."""
