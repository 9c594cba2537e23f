"""Vectors into class probabilities."""
