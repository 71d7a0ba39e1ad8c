"""Quality on held-out pairs, also by source length."""
