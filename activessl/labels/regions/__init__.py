"""Regions of items: boxes, masks, spans and segments; how much they overlap, and how well predicted ones match."""
