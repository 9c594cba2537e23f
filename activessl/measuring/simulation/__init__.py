"""Replays on labeled data."""
