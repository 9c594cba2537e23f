"""Heads on the vectors of parts: which class is where, and the regions that follow."""
