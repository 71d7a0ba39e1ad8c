"""The attention mechanisms, one file each; `registry` declares them, `base` has what they share."""
