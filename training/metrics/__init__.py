"""Text metrics by name, and tests of significance."""
