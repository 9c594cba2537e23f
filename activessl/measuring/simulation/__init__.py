"""Simulations of active learning on labeled data."""
