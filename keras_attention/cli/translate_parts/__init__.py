"""The parts of the command `translate`: its runtimes, columns, workers, and resumable output."""
