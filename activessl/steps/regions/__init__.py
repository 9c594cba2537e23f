"""The steps of a project of regions: what its verbs do."""
