"""Parts of all commands except `translate`: tables, reports, progress bars and readers."""
