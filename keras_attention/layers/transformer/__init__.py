"""The Transformer's encoder and decoder cell, and the blocks that they share."""
