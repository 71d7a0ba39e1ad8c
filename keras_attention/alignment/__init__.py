"""Hard alignments: links between tokens, their error rate, and joining two directions."""
