"""The parts of the command `bulk`: its model, its runner, its progress and its summary."""
