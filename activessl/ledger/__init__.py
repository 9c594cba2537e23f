"""What happened: append-only."""
