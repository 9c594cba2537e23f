"""Strategies over items that consist of parts: the most uncertain parts decide, and parts that are alike count once."""
