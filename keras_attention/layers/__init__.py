"""The layers: attention mechanisms, encoder, bridge, cell and decoder."""
