"""Pure functions on tensors, on every backend: masks, softmax and sparse mappings, time loops."""
