"""Functions on tensors for every backend: masks, softmax and sparse mappings, time loops."""
