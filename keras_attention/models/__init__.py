"""`Seq2Seq`, its settings, ensembles, and the memory that the decoder attends to."""
