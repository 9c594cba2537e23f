"""Strategies that weigh what the head says and where the item lies."""
