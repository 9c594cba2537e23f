"""The pool: all items of a project."""
