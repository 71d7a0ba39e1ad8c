"""The run folder: what a run starts with, what it leaves, and what resumes it."""
