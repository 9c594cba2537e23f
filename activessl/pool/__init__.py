"""What there is to label."""
