"""Strategies that cover the pool; no head needed."""
