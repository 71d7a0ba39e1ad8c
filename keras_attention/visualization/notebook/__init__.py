"""HTML fragments that notebooks display; their functions accept plain values and need no plots."""
