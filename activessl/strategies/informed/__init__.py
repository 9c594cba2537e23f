"""Strategies that combine the predictions of the head with the geometry of the pool."""
