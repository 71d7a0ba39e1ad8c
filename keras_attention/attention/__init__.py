"""The attention mechanisms, one file each. `base` holds what several of them share."""
