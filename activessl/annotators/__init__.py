"""Labels, and those who give them."""
