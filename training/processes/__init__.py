"""Training on several devices, in one or several processes; each gets a part of every batch."""
