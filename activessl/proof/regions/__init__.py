"""What is proven of a project of regions by its own answers."""
