"""Training on several devices, of one process or of several, each with a part of every batch."""
