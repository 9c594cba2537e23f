"""A project's result as one thing that scores what it has never seen."""
