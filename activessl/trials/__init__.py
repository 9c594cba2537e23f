"""Trial projects: whole projects with simulated people as they are, to see how often the figures hold."""
