"""What is on disk and known of a project."""
