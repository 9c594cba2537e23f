"""Hours, money, the labels still needed, and when to stop."""
