"""Padded batches of pairs in a repeatable stream, with pointers and guiding alignments."""
