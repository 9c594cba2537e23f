"""Measuring: how many labels and hours were saved, and when to stop."""
