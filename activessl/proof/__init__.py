"""What is proven of a project: from what it knows, through measuring, to words."""
