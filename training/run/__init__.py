"""The run folder: the data a run starts with, the files it writes, and how it is resumed."""
