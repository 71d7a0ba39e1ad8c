"""Search: greedy search, beam search and sampling over a model's `step`."""
