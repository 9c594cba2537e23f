"""Heads: classifiers that turn vectors into class probabilities."""
