"""Checks of a pool before labeling."""
