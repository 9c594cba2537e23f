"""Data in object storage: what is read, and what is refused."""
