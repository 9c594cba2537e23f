"""Strategies that cover the pool and need no head."""
