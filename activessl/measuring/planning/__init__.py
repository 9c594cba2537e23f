"""Hours, money, what is still to do, and when to stop."""
