"""How much was saved. Pure."""
