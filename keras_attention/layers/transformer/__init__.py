"""The Transformer's encoder and decoder cell, and the blocks that both are stacked of."""
