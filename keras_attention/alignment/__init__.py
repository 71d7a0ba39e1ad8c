"""Hard alignments: links between tokens, their error rate, and the union of two directions."""
