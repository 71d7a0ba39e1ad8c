"""The parts of `translate` for long files: worker processes, and output that can be resumed."""
