"""Status and report of a project of regions."""
