"""The forms that data come in: what reads, shows, checks and encodes items of each."""
