"""What training minimises and reports: losses, metrics and learning-rate schedules."""
