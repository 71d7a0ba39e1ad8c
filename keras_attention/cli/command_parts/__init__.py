"""Parts that several commands use: tables, reports, progress bars, readers and checks."""
