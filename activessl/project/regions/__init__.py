"""A project of regions: its settings, its verbs, and a snapshot of it."""
