"""Annotators: people or an oracle that answer questions."""
