"""Heads: from vectors to class probabilities."""
