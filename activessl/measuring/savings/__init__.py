"""Labels saved, and learning curves."""
