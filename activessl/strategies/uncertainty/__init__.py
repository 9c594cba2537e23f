"""Strategies that rank items one by one, by what the head says of them."""
