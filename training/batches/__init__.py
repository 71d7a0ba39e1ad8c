"""From pairs of texts to a repeatable stream of padded batches, with guiding alignments."""
