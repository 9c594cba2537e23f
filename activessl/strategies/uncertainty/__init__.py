"""Strategies that rank single items by the predictions of the head."""
