"""Annotators: who answers queries."""
