"""A project: its folder, config, data and state."""
